"""The codes of each function: what Microsoft's pages say, and what is different here."""

DOCUMENTED = {
    "RmStartSession": {0, 14, 29, 121, 160, 353},
    "RmJoinSession": {0, 14, 29, 121, 160, 353, 1219},
    "RmEndSession": {0, 6, 14, 29, 121},
    "RmRegisterResources": {0, 6, 14, 29, 121, 160},
    "RmGetList": {0, 5, 6, 14, 29, 121, 160, 234, 1223},
    "RmShutdown": {0, 6, 14, 29, 121, 160, 350, 351, 1223},
    "RmRestart": {0, 6, 14, 29, 121, 160, 352, 776, 1223},
    "RmCancelCurrentTask": {0, 6, 14, 160},
    "RmAddFilter": {0, 160, 1219},
    "RmRemoveFilter": {0, 2, 1219},
    "RmGetFilterList": {0, 160, 234, 1219},
}

CANNOT_OCCUR = {
    ("RmJoinSession", 353): "joining takes no slot: any number of secondaries may join",
    ("RmCancelCurrentTask", 160): "the handle is its only argument, and a wrong handle is 6",
}

UNDOCUMENTED = {
    # Microsoft's pages do not say what a secondary gets, nor that filters can fail like the rest.
    ("RmRegisterResources", 5),  # a directory: Windows takes it, and fails in RmGetList
    *((name, 1219) for name in ("RmGetList", "RmShutdown", "RmRestart", "RmCancelCurrentTask")),
    *(
        (name, code)
        for name in ("RmAddFilter", "RmRemoveFilter", "RmGetFilterList")
        for code in (6, 14, 29, 121)
    ),
    ("RmRemoveFilter", 160),
}
