using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino features</c>, as the command line asks for it.</summary>
internal sealed record FeatureSettings : ImageBatchSettings
{
    /// <summary>What to write.</summary>
    public required FeatureSet What { get; init; }

    /// <summary>Layers, counted from 0; negative numbers count from the end.</summary>
    public required IReadOnlyList<int> Layers { get; init; }
}

/// <summary>
/// One <c>dino features</c>: runs the model batch by batch and writes the requested features of its layers.
/// </summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class FeatureJob(FeatureSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">
    /// Two images would become one file, an image would be replaced, or a file cannot be read or written.
    /// </exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        using ImageBatches images = await ImageBatches.OpenAsync(settings, console, cancellation).ConfigureAwait(false);
        DinoEncoder encoder = images.Encoder;
        int count = encoder.Config.LayerCount;
        foreach (int layer in settings.Layers)
            ModelLayers.Require(layer, count);
        if (settings.What.LastBlocks > count)
            throw new DinoException($"--last-blocks: expected at most {count}, the blocks of this model, found {settings.What.LastBlocks}");
        int[] layers = [.. settings.Layers.Select(layer => layer < 0 ? count + layer : layer).Distinct().Order()];
        var files = new FeatureFiles(settings.What, layers);
        images.Claim(files.Targets);
        await images.RunAsync(
            batch =>
            {
                DinoOutput output = encoder.ForwardLayers(batch.Pictures, files.Outputs, files.Layers);
                batch.ForAll(i => files.Write(batch.Stems[i], output, i, encoder.GridWidth));
            },
            cancellation).ConfigureAwait(false);
        return images.Finish();
    }
}
