namespace Dino.Gpu.Model;

/// <summary>
/// What the tokens are before the patches are added: the class token with its position, the registers, and the
/// positions of the patches. It is the same for every picture of one size, so the host makes it whole.
/// </summary>
/// <param name="weights">The model, of which only the small tensors are kept.</param>
internal sealed class StartingTable(VitWeights weights)
{
    private readonly VitConfig _config = weights.Config;
    private readonly float[] _classToken = weights.ClassToken;
    private readonly float[] _registers = weights.Registers;
    private readonly float[] _positions = weights.Positions;

    /// <summary>Makes the table for a patch grid.</summary>
    /// <param name="gridWidth">Columns of the grid.</param>
    /// <param name="gridHeight">Rows of the grid.</param>
    /// <param name="interpolation">For another grid than the trained one; null for the model's own way.</param>
    /// <returns>(tokens, hidden): class token, registers, patches.</returns>
    public float[] Rows(int gridWidth, int gridHeight, PositionInterpolation? interpolation = null)
    {
        int hidden = _config.HiddenSize;
        var rows = new float[(_config.PrefixTokenCount + gridWidth * gridHeight) * hidden];
        _classToken.CopyTo(rows, 0);
        _registers.CopyTo(rows, hidden);
        if (_config.PositionKind == PositionKind.Rotary)
            return rows;
        float[] positions = PositionTable.Interpolate(
            _positions, _config.TrainedGrid, gridWidth, gridHeight, interpolation ?? _config.DefaultInterpolation);
        for (int column = 0; column < hidden; column++)
            rows[column] += positions[column];
        positions.AsSpan(hidden).CopyTo(rows.AsSpan(_config.PrefixTokenCount * hidden));
        return rows;
    }
}
