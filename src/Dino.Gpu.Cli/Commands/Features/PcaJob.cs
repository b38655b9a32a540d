using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Features;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino pca</c>, as the command line asks for it.</summary>
internal sealed record PcaSettings : ImageBatchSettings
{
    /// <summary>Whether pictures are written.</summary>
    public required bool Maps { get; init; }

    /// <summary>Whether values are written.</summary>
    public required bool Npy { get; init; }
}

/// <summary>
/// One <c>dino pca</c>. The model sees every image twice, first to find the components of all of them and then to draw each, so that memory besides the names does not
/// grow with their number.
/// </summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class PcaJob(PcaSettings settings, CliConsole console)
{
    private const int Components = 3;

    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">Two images would become one file, an image would be overwritten, or something cannot be read or written.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        if (settings.Maps)
            PngFile.RequireEncoder("use --npy --no-maps");
        using ImageBatches images = await ImageBatches.OpenAsync(settings, console, cancellation).ConfigureAwait(false);
        images.Claim(Targets);
        DinoEncoder encoder = images.Encoder;
        var fit = new PatchPcaFit(encoder.Config.HiddenSize);
        await images.RunAsync(batch => fit.Add(Patches(batch)), cancellation).ConfigureAwait(false);
        if (fit.Count == 0)
            return images.Finish();
        PatchPca pca = fit.Solve(Components);
        if (!settings.Quiet)
        {
            string shares = string.Join(", ", pca.Variances.ToArray().Select(variance => string.Create(CultureInfo.InvariantCulture, $"{100 * variance / Math.Max(pca.TotalVariance, double.Epsilon):F1} %")));
            console.Error.WriteLine($"dino: the components explain {shares} of the variance of {fit.Count} patches");
        }

        await images.RunAsync(
            batch =>
            {
                float[] patches = Patches(batch);
                batch.ForAll(i => Write(pca, batch.Stems[i], patches.AsSpan(i * patches.Length / batch.Stems.Count, patches.Length / batch.Stems.Count)));
            },
            cancellation).ConfigureAwait(false);
        return images.Finish();

        float[] Patches(ImageBatch batch) => encoder.ForwardPrepared(batch.Pictures, DinoOutputs.PatchGrid).PatchGrid!.Data; // (images, grid height, grid width, hidden)

        void Write(PatchPca components, string stem, ReadOnlySpan<float> patches)
        {
            float[] projected = components.Project(patches); // (grid height, grid width, 3)
            if (settings.Maps)
                PngFile.Write(Target(stem, "png"), PcaPicture.Draw(components, projected, encoder.GridHeight, encoder.GridWidth, encoder.Config.PatchSize));
            if (!settings.Npy)
                return;
            using var npy = new NpyWriter(Target(stem, "npy"), encoder.GridWidth, Components);
            for (int row = 0; row < encoder.GridHeight; row++)
                npy.WriteRow(projected.AsSpan(row * encoder.GridWidth * Components, encoder.GridWidth * Components));
            npy.Complete();
        }
    }

    private IEnumerable<string> Targets(string stem)
    {
        if (settings.Maps)
            yield return Target(stem, "png");
        if (settings.Npy)
            yield return Target(stem, "npy");
    }

    private string Target(string stem, string extension) => Path.Combine(settings.Directory, $"{stem}.pca.{extension}");
}
