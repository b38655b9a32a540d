using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.Support;

/// <summary>A small-endian float32 or int32 .npy file in C order: all that the reference data uses.</summary>
internal sealed partial class Npy
{
    public required int[] Shape { get; init; }

    public float[] Floats { get; private init; } = [];

    public int[] Integers { get; private init; } = [];

    public static Npy Read(string path) => Parse(File.ReadAllBytes(path));

    public static Npy Parse(byte[] file)
    {
        Assert.Equal("\u0093NUMPY", Encoding.Latin1.GetString(file, 0, 6));
        int headerLength = BitConverter.ToUInt16(file, 8);
        string header = Encoding.Latin1.GetString(file, 10, headerLength);
        Assert.Contains("'fortran_order': False", header);
        int[] shape = [.. ShapePattern().Match(header).Groups[1].Value
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(side => int.Parse(side, CultureInfo.InvariantCulture))];
        byte[] data = file[(10 + headerLength)..];
        int count = shape.Aggregate(1, (product, side) => product * side);
        Assert.Equal(count * 4, data.Length);
        return header.Contains("'<i4'", StringComparison.Ordinal)
            ? new Npy { Shape = shape, Integers = MemoryMarshal.Cast<byte, int>(data).ToArray() }
            : header.Contains("'<f4'", StringComparison.Ordinal)
                ? new Npy { Shape = shape, Floats = MemoryMarshal.Cast<byte, float>(data).ToArray() }
                : throw new NotSupportedException(header);
    }

    [GeneratedRegex(@"'shape': \(([^)]*)\)")]
    private static partial Regex ShapePattern();
}
