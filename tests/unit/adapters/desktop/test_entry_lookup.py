from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.desktop.entry_lookup import application_id


@pytest.mark.parametrize(
    ("unit", "application"),
    [
        ("app-gnome-org.gnome.gedit-4711.scope", "org.gnome.gedit"),
        ("app-org.kde.kate-0a1b2c3d.scope", "org.kde.kate"),
        (r"app-gnome-google\x2dchrome-4711.scope", "google-chrome"),
        ("app-flatpak-org.mozilla.firefox-4711.scope", "org.mozilla.firefox"),
        ("app-org.kde.konsole@0a1b2c3d.service", "org.kde.konsole"),
        (r"app-KDE-org.kde.plasma\x2dsystemmonitor@1.service", "org.kde.plasma-systemmonitor"),
        ("app-org.gnome.Software@autostart.service", "org.gnome.Software"),
        (r"app-xfce4\x2dclipman@autostart.service", "xfce4-clipman"),
        ("app-gedit.service", "gedit"),
    ],
)
def test_desktops_name_units_after_applications(unit: str, application: str) -> None:
    assert application_id(unit) == application


@pytest.mark.parametrize(
    "unit",
    [
        "",
        "app-",
        "app-.scope",
        "app-4711.scope",
        "nginx.service",
        "session-2.scope",
        "app-gedit-1.socket",
        "app-gedit-1.slice",
        "snap.firefox.firefox-0a1b.scope",
        "application-x-1.scope",
        r"app-gnome-\x2e\x2e\x2fetc-1.scope",
        r"app-gnome-..-1.scope",
        r"app-gnome-a\x00b-1.scope",
        r"app-gnome-a\x0ab-1.scope",
        "app-gnome-.hidden-1.scope",
        "app-gnome-a b-1.scope",
        "app-gnome-" + "x" * 300 + "-1.scope",
    ],
)
def test_other_units_are_none(unit: str) -> None:
    assert application_id(unit) is None


@given(st.text())
def test_an_id_is_never_a_path(text: str) -> None:
    for unit in (text, f"app-{text}-1.scope", f"app-{text}.service"):
        found = application_id(unit)
        assert found is None or ("/" not in found and not found.startswith("."))
