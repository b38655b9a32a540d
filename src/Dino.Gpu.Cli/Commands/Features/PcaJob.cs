using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Features;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino pca</c>, as the command line asks for it.</summary>
internal sealed record PcaSettings : ImageBatchSettings
{
    /// <summary>Whether to write pictures.</summary>
    public required bool Maps { get; init; }

    /// <summary>Whether to write values.</summary>
    public required bool Npy { get; init; }
}

/// <summary>
/// One <c>dino pca</c>. The model sees every image twice: first to find the components of all images, then to draw each
/// one. So memory does not grow with the number of images, except for their names.
/// </summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class PcaJob(PcaSettings settings, CliConsole console)
{
    private const int Components = 3;

    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">
    /// Two images would become one file, an image would be replaced, or a file cannot be read or written.
    /// </exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        if (settings.Maps)
            PngFile.RequireEncoder("use --npy --no-maps");
        console.Activity = "finding the components (1 of 2)";
        using ImageBatches images = await ImageBatches.OpenAsync(settings, console, cancellation).ConfigureAwait(false);
        var files = new PcaFiles(settings.Directory, settings.Maps, settings.Npy);
        images.Claim(files.Targets);
        DinoEncoder encoder = images.Encoder;
        var fit = new PatchPcaFit(encoder.Config.HiddenSize);
        await images.RunAsync(batch => fit.Add(Patches(batch)), cancellation).ConfigureAwait(false);
        if (fit.Count == 0)
            return images.Finish();
        PatchPca pca = fit.Solve(Components);
        double total = Math.Max(pca.TotalVariance, double.Epsilon);
        double[] shares = [.. pca.Variances.ToArray().Select(variance => variance / total)];
        IEnumerable<string> percents = shares.Select(share => string.Create(CultureInfo.InvariantCulture, $"{100 * share:F1} %"));
        images.ExplainedVariance = shares;
        console.Say($"the components explain {string.Join(", ", percents)} of the variance of {fit.Count} patches");
        console.Activity = "drawing (2 of 2)";
        await images.RunAsync(
            batch =>
            {
                float[] patches = Patches(batch);
                int length = patches.Length / batch.Stems.Count;
                batch.ForAll(i => files.Write(
                    batch.Stems[i],
                    pca,
                    patches.AsSpan(i * length, length),
                    encoder.GridHeight,
                    encoder.GridWidth,
                    encoder.Config.PatchSize));
            },
            cancellation).ConfigureAwait(false);
        return images.Finish();

        // (images, grid height, grid width, hidden)
        float[] Patches(ImageBatch batch) => encoder.ForwardPrepared(batch.Pictures, DinoOutputs.PatchGrid).PatchGrid!.Data;
    }
}
