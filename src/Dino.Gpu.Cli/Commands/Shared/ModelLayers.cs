namespace Dino.Gpu.Cli.Commands;

/// <summary>Numbers of layers on the command line: counted from 0, or from the end if negative.</summary>
internal static class ModelLayers
{
    /// <summary>More layers than any model has.</summary>
    public const int Most = 63;

    /// <summary>Refuses a layer that the model does not have.</summary>
    /// <exception cref="DinoException">The model has no such layer.</exception>
    public static void Require(int layer, int count)
    {
        if (layer < -count || layer >= count)
            throw new DinoException($"--layer: expected layers 0 to {count - 1}, or -1 to -{count} from the end, found {layer}");
    }
}
