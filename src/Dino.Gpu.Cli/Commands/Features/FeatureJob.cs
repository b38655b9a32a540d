using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino features</c>: batch by batch, images go through the model, and what is asked for of its layers is written.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class FeatureJob(FeatureSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">Two images would become one file, an image would be overwritten, or something cannot be read or written.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        using ImageBatches images = await ImageBatches.OpenAsync(settings, console, cancellation).ConfigureAwait(false);
        DinoEncoder encoder = images.Encoder;
        int count = encoder.Config.LayerCount;
        foreach (int layer in settings.Layers)
        {
            if (layer < -count || layer >= count)
                throw new DinoException($"--layer {layer}: this model has layers 0 to {count - 1}, or -1 to -{count} from the end");
        }

        if (settings.LastBlocks > count)
            throw new DinoException($"--last-blocks {settings.LastBlocks}: this model has {count} blocks");
        var files = new FeatureFiles(settings, [.. settings.Layers.Select(layer => layer < 0 ? count + layer : layer).Distinct().Order()]);
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
