namespace Dino.Gpu.Cli.Commands;

/// <summary>Words about <c>--output</c> that several commands share.</summary>
internal static class OutputOption
{
    /// <summary>The outputs that are one vector an image.</summary>
    public const string Vectors =
        "cls: the class token, DINO's embedding. mean: the mean of the patch tokens. gem: their generalized mean (exponent 4). "
        + "cls+mean, cls+gem: both, one after the other. lastN: the class tokens of the last N blocks, such as last4. "
        + "lastN+mean, lastN+gem: these and a mean. multiscale: the class token averaged over the scales 1, 0.71 and 0.5 of the input, "
        + "scaled to length 1; multiscale:1,0.5 for other scales.";
}
