#include "agentd.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "launch"))
        return launch(argv);
    if (argc == 2 && !strcmp(argv[1], "serve"))
        return serve();
    if (argc == 5 && !strcmp(argv[1], "listen"))
        return listen_from_outside(argc, argv);
    if (argc == 2 && !strcmp(argv[1], "hold"))
        return hold();
    if (argc == 2 && !strcmp(argv[1], "aside"))
        return aside();
    fprintf(stderr, "usage: agentd launch | aside | serve | hold | listen PID LOG MOST\n");
    return 64;
}
