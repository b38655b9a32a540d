using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// The header of a <c>.npy</c> array: the type and the number of its elements.
/// <see href="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"/>
/// </summary>
/// <param name="Type">NumPy's type string, such as <c>&lt;f4</c>.</param>
/// <param name="FortranOrder">Whether the first index runs fastest.</param>
/// <param name="Shape">Sides; none for a single value.</param>
/// <param name="Length">Bytes up to the first element.</param>
internal sealed partial record NpyHeader(string Type, bool FortranOrder, long[] Shape, int Length)
{
    private const int Alignment = 64; // NumPy aligns the data so that the file can be mapped
    private const int MaxLength = 1 << 20;
    private const string Structure = "|V"; // of several fields, whose list is no type string

    /// <summary>Type string of float32 or float16.</summary>
    public static string TypeOf(FloatType type) => type == FloatType.Float16 ? "<f2" : "<f4";

    /// <summary>
    /// A header of (rows, row shape). It has room for any number of rows, so it can be written again once the number is
    /// known.
    /// </summary>
    public static byte[] Reserve(string type, long rows, IReadOnlyList<int> rowShape)
    {
        int length = (10 + Dictionary(type, long.MaxValue, rowShape).Length + 1 + Alignment - 1) / Alignment * Alignment;
        byte[] header = new byte[length];
        header.AsSpan().Fill((byte)' ');
        byte[] start = [
            0x93, .. "NUMPY"u8, 1, 0, (byte)(length - 10), (byte)((length - 10) >> 8),
            .. Encoding.ASCII.GetBytes(Dictionary(type, rows, rowShape)).AsSpan()
        ];
        start.CopyTo(header, 0);
        header[^1] = (byte)'\n';
        return header;
    }

    /// <summary>Reads the header and leaves the stream at the first element.</summary>
    /// <exception cref="InvalidDataException">It is no such header, or it is broken.</exception>
    public static NpyHeader Read(Stream stream)
    {
        Span<byte> start = stackalloc byte[12];
        stream.ReadExactly(start[..10]);
        if (start[0] != 0x93 || !start[1..6].SequenceEqual("NUMPY"u8))
            throw new InvalidDataException("not a .npy array: it does not start with \\x93NUMPY");
        int length = BinaryPrimitives.ReadUInt16LittleEndian(start[8..]);
        if (start[6] is 2 or 3)
        {
            stream.ReadExactly(start[10..]);
            length = BinaryPrimitives.ReadUInt32LittleEndian(start[8..]) is <= MaxLength and uint more
                ? (int)more
                : throw new InvalidDataException("the .npy header is absurdly long");
        }
        else if (start[6] != 1)
        {
            throw new InvalidDataException($".npy version {start[6]}, expected 1, 2 or 3");
        }

        int before = start[6] == 1 ? 10 : start.Length;
        byte[] bytes = new byte[length];
        stream.ReadExactly(bytes);
        string text = Encoding.Latin1.GetString(bytes);
        Match type = TypePattern().Match(text);
        Match order = OrderPattern().Match(text);
        Match shape = ShapePattern().Match(text);
        if (!order.Success || !shape.Success)
            throw new InvalidDataException("the .npy header lacks fortran_order or shape");
        return new NpyHeader(
            type.Success ? type.Groups[1].Value : Structure,
            order.Groups[1].Value == "True",
            [.. shape.Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Side)],
            before + length);
    }

    private static long Side(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long side)
            ? side
            : throw new InvalidDataException("a side in the .npy header is no number");

    private static string Dictionary(string type, long rows, IReadOnlyList<int> rowShape)
    {
        string shape = string.Join(
            ", ", [rows.ToString(CultureInfo.InvariantCulture), .. rowShape.Select(side => side.ToString(CultureInfo.InvariantCulture))]);
        return $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({shape}{(rowShape.Count == 0 ? "," : "")}), }}";
    }

    [GeneratedRegex("""['"]descr['"]\s*:\s*['"]([^'"]*)['"]""")]
    private static partial Regex TypePattern();

    [GeneratedRegex("""['"]fortran_order['"]\s*:\s*(True|False)""")]
    private static partial Regex OrderPattern();

    [GeneratedRegex("""['"]shape['"]\s*:\s*\(([0-9, ]*)\)""")]
    private static partial Regex ShapePattern();
}
