using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Dino.Gpu.Cli.Output;

namespace Dino.Gpu.Cli.Formats;

/// <summary>
/// Streams rows into a NumPy <c>.npy</c> file, version 1.0, little-endian, C order. The number of rows need not be known: the header is reserved first and filled in at
/// the end. The file appears under its name when <see cref="Complete"/> is called, and not at all otherwise.
/// </summary>
/// <example>
/// <code>
/// using var npy = new NpyWriter("embeddings.npy", 384);   // shape (rows, 384)
/// foreach (float[] embedding in embeddings)
///     npy.WriteRow(embedding);
/// npy.Complete();
/// </code>
/// </example>
internal sealed class NpyWriter : IDisposable
{
    private const int Alignment = 64; // numpy aligns the data so that the file can be mapped

    private readonly OutputFile _file;
    private readonly string _type;
    private readonly int[] _rowShape;
    private readonly long _rowLength;
    private readonly int _headerLength;

    /// <summary>Starts a float32 file of shape (rows, <paramref name="rowShape"/>...).</summary>
    /// <param name="path">The final name; the directory must exist.</param>
    /// <param name="rowShape">Shape of one row: <c>384</c> for embeddings, <c>197, 384</c> for tokens, nothing for single values.</param>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public NpyWriter(string path, params int[] rowShape)
        : this(path, "<f4", rowShape)
    {
    }

    private NpyWriter(string path, string type, int[] rowShape)
    {
        foreach (int side in rowShape)
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(side, nameof(rowShape));
        _type = type;
        _rowShape = [.. rowShape];
        _rowLength = rowShape.Aggregate(1L, (product, side) => checked(product * side));
        _headerLength = (Header(long.MaxValue).Length + 1 + Alignment - 1) / Alignment * Alignment; // room for any number of rows and the line end
        _file = new OutputFile(path);
        _file.Write(PaddedHeader(0));
    }

    /// <summary>Rows written so far.</summary>
    public long Rows { get; private set; }

    /// <summary>Starts a uint8 file of shape (rows, <paramref name="rowShape"/>...).</summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public static NpyWriter OfBytes(string path, params int[] rowShape) => new(path, "|u1", rowShape);

    /// <summary>Appends one row of a float32 file.</summary>
    /// <param name="row">As many values as the row shape has, in C order.</param>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void WriteRow(ReadOnlySpan<float> row) => WriteRow("<f4", row.Length, MemoryMarshal.AsBytes(row));

    /// <summary>Appends one row of a uint8 file.</summary>
    /// <param name="row">As many values as the row shape has, in C order.</param>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void WriteRow(ReadOnlySpan<byte> row) => WriteRow("|u1", row.Length, row);

    /// <summary>Writes the number of rows into the header and puts the file in place.</summary>
    /// <exception cref="DinoException">The file cannot be flushed or renamed.</exception>
    public void Complete()
    {
        _file.Write(stream =>
        {
            stream.Position = 0;
            stream.Write(PaddedHeader(Rows));
        });
        _file.Complete();
    }

    /// <summary>Deletes what was written, unless it was completed.</summary>
    public void Dispose() => _file.Dispose();

    private void WriteRow(string type, int length, ReadOnlySpan<byte> bytes)
    {
        if (type != _type)
            throw new InvalidOperationException($"This file holds {_type}, the row {type}.");
        if (length != _rowLength)
            throw new ArgumentException($"A row has {_rowLength} values, got {length}.");
        _file.Write(bytes);
        Rows++;
    }

    private byte[] PaddedHeader(long rows)
    {
        byte[] header = new byte[_headerLength];
        header.AsSpan().Fill((byte)' ');
        Header(rows).CopyTo(header, 0);
        header[^1] = (byte)'\n';
        return header;
    }

    /// <summary>Magic, version, length of what follows up to the data, and the dictionary, before padding.</summary>
    private byte[] Header(long rows)
    {
        string shape = string.Join(", ", [rows.ToString(CultureInfo.InvariantCulture), .. _rowShape.Select(side => side.ToString(CultureInfo.InvariantCulture))]);
        string dictionary = $"{{'descr': '{_type}', 'fortran_order': False, 'shape': ({shape}{(_rowShape.Length == 0 ? "," : "")}), }}";
        int following = _headerLength - 10;
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)following, (byte)(following >> 8), .. Encoding.ASCII.GetBytes(dictionary).AsSpan()];
    }
}
