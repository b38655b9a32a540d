using System.Globalization;
using System.Runtime.InteropServices;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>Turns a row of float32 into the values of a file: the same, or float16 rounded to nearest even.</summary>
internal sealed class ValueEncoder(RowSchema schema)
{
    private readonly Half[] _halves = new Half[schema.Type == FloatType.Float16 ? schema.Length : 0];
    private readonly float[] _rounded = new float[schema.Type == FloatType.Float16 ? schema.Length : 0];

    /// <summary>The first finite value that cannot be written as the type; null if all can.</summary>
    public static float? Misfit(FloatType type, ReadOnlySpan<float> values)
    {
        if (type == FloatType.Float32)
            return null;
        foreach (float value in values)
        {
            if (Half.IsInfinity((Half)value) && float.IsFinite(value))
                return value;
        }

        return null;
    }

    /// <summary>Fails if a value of the row cannot be written as the type.</summary>
    /// <exception cref="DinoException">A value does not fit float16; the message names the image.</exception>
    public static void EnsureFit(FloatType type, RowInfo info, ReadOnlySpan<float> values)
    {
        if (Misfit(type, values) is not { } value)
            return;
        string path = MessageText.OneLine(info.Path);
        throw new DinoException(
            string.Create(
                CultureInfo.InvariantCulture, $"{path}: a value of {value} does not fit float16, which ends at {Half.MaxValue}"),
            "use --dtype f32");
    }

    /// <summary>Little-endian bytes of the row, valid until the next call.</summary>
    /// <exception cref="DinoException">A value does not fit float16; the message names the image.</exception>
    public ReadOnlySpan<byte> Bytes(RowInfo info, ReadOnlySpan<float> values)
    {
        CheckLength(values);
        if (schema.Type == FloatType.Float32)
            return MemoryMarshal.AsBytes(values);
        Round(info, values);
        return MemoryMarshal.AsBytes<Half>(_halves);
    }

    /// <summary>The row as float32 after rounding, valid until the next call.</summary>
    /// <exception cref="DinoException">A value does not fit float16; the message names the image.</exception>
    public ReadOnlySpan<float> Rounded(RowInfo info, ReadOnlySpan<float> values)
    {
        CheckLength(values);
        if (schema.Type == FloatType.Float32)
            return values;
        Round(info, values);
        for (int i = 0; i < values.Length; i++)
            _rounded[i] = (float)_halves[i];
        return _rounded;
    }

    private void CheckLength(ReadOnlySpan<float> values)
    {
        if (values.Length != schema.Length)
            throw new ArgumentException($"A row has {schema.Length} values, got {values.Length}.");
    }

    private void Round(RowInfo info, ReadOnlySpan<float> values)
    {
        EnsureFit(schema.Type, info, values);
        for (int i = 0; i < values.Length; i++)
            _halves[i] = (Half)values[i];
    }
}
