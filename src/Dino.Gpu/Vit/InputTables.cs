using Dino.Gpu.Model;

namespace Dino.Gpu.Vit;

/// <summary>
/// The tables of a model that depend on the size of its input. The host makes them once for each size; a family uploads
/// them when they change, which it sees by reference.
/// </summary>
/// <param name="Start">
/// (tokens, hidden): the tokens before the patches are added; see <see cref="StartingTable"/>.
/// </param>
/// <param name="Rotation">
/// (patches, head size): by how much each pair of columns of a head is rotated, the cosines of its angles in the first
/// half of a row and their sines in the second; empty for a model without RoPE.
/// </param>
internal sealed record InputTables(float[] Start, float[] Rotation)
{
    /// <summary>Makes the tables.</summary>
    /// <param name="weights">The model.</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="interpolation">How its position table is interpolated; null for the model's own way.</param>
    public static InputTables Of(VitWeights weights, in VitShape shape, PositionInterpolation? interpolation = null) =>
        Of(new StartingTable(weights), weights.RotaryPeriods, shape, interpolation);

    /// <summary>Makes the tables of a model whose weights may be gone.</summary>
    public static InputTables Of(
        StartingTable start, float[] rotaryPeriods, in VitShape shape, PositionInterpolation? interpolation = null) => new(
        start.Rows(shape.GridWidth, shape.GridHeight, interpolation), RotationOf(rotaryPeriods, shape.GridWidth, shape.GridHeight));

    /// <summary>A kernel trusts their lengths, so a pass begins with this.</summary>
    /// <exception cref="ArgumentException">They are those of another model, or of another input size.</exception>
    public void Require(in VitShape shape)
    {
        if (Start.Length != shape.TokenCount * shape.HiddenSize)
            throw new ArgumentException(
                $"The starting table is ({shape.TokenCount}, {shape.HiddenSize}), got {Start.Length} values.", nameof(shape));
        if (shape.PositionKind == PositionKind.Rotary && Rotation.Length != shape.PatchCount * shape.HeadSize)
            throw new ArgumentException(
                $"The rotation table is ({shape.PatchCount}, {shape.HeadSize}), got {Rotation.Length} values.", nameof(shape));
    }

    /// <summary>
    /// The angles of DINOv3's RoPE are 2 pi * coordinate / period: first those of y for each period, then those of x.
    /// The coordinates are those of the patches' centers, from -1 to 1 along each side by itself.
    /// </summary>
    private static float[] RotationOf(float[] periods, int gridWidth, int gridHeight)
    {
        int angles = 2 * periods.Length;
        var table = new float[gridWidth * gridHeight * 2 * angles];
        for (int row = 0; row < table.Length; row += 2 * angles)
        {
            int patch = row / (2 * angles);
            for (int i = 0; i < angles; i++)
            {
                double coordinate = i < periods.Length
                    ? (patch / gridWidth + 0.5) / gridHeight * 2 - 1
                    : (patch % gridWidth + 0.5) / gridWidth * 2 - 1;
                double angle = 2 * Math.PI * coordinate / periods[i % periods.Length];
                table[row + i] = (float)Math.Cos(angle);
                table[row + angles + i] = (float)Math.Sin(angle);
            }
        }

        return table;
    }
}
