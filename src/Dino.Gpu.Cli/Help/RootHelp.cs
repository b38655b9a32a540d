namespace Dino.Gpu.Cli.Help;

/// <summary>What the help of <c>dino</c> itself says.</summary>
internal static class RootHelp
{
    public const string Description = "Image embeddings by DINO's Vision Transformers, on CUDA, OpenCL or the CPU.";

    public const string Examples = """
        # the real weights, once, into the folder weights/
        dino weights pull
        # one row of 384 numbers per image
        dino embed photos -o photos.npy
        # the ten pictures most like one
        dino index photos -o photos.npz
        dino search photos.npz query.jpg
        # what this machine can run it on
        dino devices
        """;

    public const string Notes = """
        Data goes to standard output or to files; progress, notes, warnings and errors go to stderr. A failed command says why in one line
        that begins with "dino: error:". A second line, "hint:", says what to do, if there is something to do.

        Every option can come from the environment: DINO_ and its long name, such as DINO_DEVICE=cpu or DINO_QUIET=1. The command line wins.

        Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the output is complete but some images could not be read, 130 canceled.
        """;
}
