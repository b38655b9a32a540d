using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Features;

namespace Dino.Gpu.Data.Pictures;

/// <summary>The files that one image becomes: <c>STEM.pca.png</c>, <c>STEM.pca.npy</c> or both. Thread-safe.</summary>
/// <param name="directory">Where they go; it exists.</param>
/// <param name="maps">Whether to write pictures.</param>
/// <param name="npy">Whether to write values.</param>
internal sealed class PcaFiles(string directory, bool maps, bool npy)
{
    /// <summary>The files of an image with this stem.</summary>
    public IEnumerable<string> Targets(string stem)
    {
        if (maps)
            yield return Target(stem, "png");
        if (npy)
            yield return Target(stem, "npy");
    }

    /// <summary>Projects the patches of an image, and writes its files.</summary>
    /// <param name="stem">The stem of the image's name.</param>
    /// <param name="pca">The components.</param>
    /// <param name="patches">(grid height, grid width, hidden)</param>
    /// <param name="gridHeight">Patches from top to bottom.</param>
    /// <param name="gridWidth">Patches from left to right.</param>
    /// <param name="patchSize">Pixels of a patch's side.</param>
    /// <exception cref="DinoException">A file cannot be written.</exception>
    public void Write(string stem, PatchPca pca, ReadOnlySpan<float> patches, int gridHeight, int gridWidth, int patchSize)
    {
        float[] projected = pca.Project(patches); // (grid height, grid width, components)
        if (maps)
            PngFile.Write(Target(stem, "png"), PcaPicture.Draw(pca, projected, gridHeight, gridWidth, patchSize));
        if (npy)
            new NamedArray("pca", [gridHeight, gridWidth, pca.ComponentCount], projected).WriteNpy(Target(stem, "npy"));
    }

    private string Target(string stem, string extension) => Path.Combine(directory, $"{stem}.pca.{extension}");
}
