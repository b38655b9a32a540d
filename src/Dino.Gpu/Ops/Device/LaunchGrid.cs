using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.Device;

/// <summary>Grids that an accelerator launches: y and z take fewer groups than x, 65535 each on CUDA.</summary>
internal static class LaunchGrid
{
    public static int CeilingDivide(int count, int size) => (count + size - 1) / size;

    /// <summary>
    /// A grid of (column groups, row groups). Row groups that y does not take go on along z; the last ones may then lie
    /// behind the rows.
    /// </summary>
    public static Index3D Of(Accelerator accelerator, int columnGroups, int rowGroups)
    {
        int layers = CeilingDivide(rowGroups, accelerator.MaxGridSize.Y);
        return new Index3D(columnGroups, CeilingDivide(rowGroups, layers), layers);
    }

    /// <summary>
    /// Takes images in runs that one launch takes: their groups lie along z.
    /// </summary>
    /// <param name="accelerator">Where they are launched.</param>
    /// <param name="images">All of them.</param>
    /// <param name="groupsPerImage">Groups of an image along z.</param>
    /// <param name="launch">Launches images, of which it gets the first and the number.</param>
    public static void ForImages(Accelerator accelerator, int images, int groupsPerImage, Action<int, int> launch)
    {
        int most = Math.Max(1, accelerator.MaxGridSize.Z / groupsPerImage);
        for (int first = 0; first < images; first += most)
            launch(first, Math.Min(most, images - first));
    }
}
