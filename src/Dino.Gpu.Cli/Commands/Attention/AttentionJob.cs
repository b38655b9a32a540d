using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Features;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino attention</c>, as the command line asks for it.</summary>
internal sealed record AttentionSettings : ImageBatchSettings
{
    /// <summary>A layer, counted from 0; a negative number counts from the end.</summary>
    public required int Layer { get; init; }

    public required HeadChoice Heads { get; init; }

    public required AttentionDrawing Drawing { get; init; }
}

/// <summary>One <c>dino attention</c>: runs the model batch by batch, draws the maps and writes them.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class AttentionJob(AttentionSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">
    /// Two images would become one file, an image would be replaced, or a file cannot be read or written.
    /// </exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        if (settings.Drawing.HasPictures)
            PngFile.RequireEncoder("use --npy --no-maps");
        using ImageBatches images = await ImageBatches.OpenAsync(settings, console, cancellation).ConfigureAwait(false);
        DinoEncoder encoder = images.Encoder;
        ModelLayers.Require(settings.Layer, encoder.Config.LayerCount);
        IReadOnlyList<(string Name, int? Head)> heads = settings.Heads.Of(encoder.Config.HeadCount);
        var files = new AttentionFiles(settings.Directory, settings.Drawing, heads, encoder.Config.PatchSize);
        images.Claim(files.Targets);
        await images.RunAsync(
            batch =>
            {
                AttentionMap[] maps = settings.Heads.Rollout
                    ? encoder.AttentionRollouts(batch.Pictures)
                    : encoder.AttentionMaps(batch.Pictures, settings.Layer);
                batch.ForAll(i => files.Write(batch.Stems[i], batch.Pictures[i], maps[i]));
            },
            cancellation).ConfigureAwait(false);
        return images.Finish();
    }
}
