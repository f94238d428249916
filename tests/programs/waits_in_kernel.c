/* Waits in the kernel, in state D, for a child that never runs a program: vfork(2). */

#include <unistd.h>

int main(void)
{
    if (vfork() == 0)
        for (;;)
            pause();
    return 0;
}
