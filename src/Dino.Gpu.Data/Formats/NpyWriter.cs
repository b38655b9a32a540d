using System.Runtime.InteropServices;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Streams rows into a NumPy <c>.npy</c> file, version 1.0, little-endian, C order. The number of rows need not be
/// known: the header is reserved first and filled in at the end. The file appears under its name only when
/// <see cref="Complete"/> is called.
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
    private readonly AtomicFile _file;
    private readonly string _type;
    private readonly int[] _rowShape;
    private readonly long _rowLength;

    /// <summary>Starts a float32 file of shape (rows, <paramref name="rowShape"/>...).</summary>
    /// <param name="path">The final name; the directory must exist.</param>
    /// <param name="rowShape">
    /// Shape of one row: <c>384</c> for embeddings, <c>197, 384</c> for tokens, nothing for single values.
    /// </param>
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
        byte[] header = NpyHeader.Reserve(_type, 0, _rowShape);
        _file = new AtomicFile(path);
        try
        {
            _file.Write(header);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Rows written so far.</summary>
    public long Rows { get; private set; }

    /// <summary>Starts a file of float32 or float16.</summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public static NpyWriter Of(FloatType type, string path, params int[] rowShape) => new(path, NpyHeader.TypeOf(type), rowShape);

    /// <summary>Appends one row of a float32 file.</summary>
    /// <param name="row">As many values as the row shape has, in C order.</param>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void WriteRow(ReadOnlySpan<float> row) => WriteRow("<f4", row.Length, MemoryMarshal.AsBytes(row));

    /// <summary>Appends one row of a float16 file.</summary>
    /// <param name="row">As many values as the row shape has, in C order.</param>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void WriteRow(ReadOnlySpan<Half> row) => WriteRow("<f2", row.Length, MemoryMarshal.AsBytes(row));

    /// <summary>Writes the number of rows into the header and puts the file in place.</summary>
    /// <exception cref="DinoException">The file cannot be flushed or renamed.</exception>
    public void Complete()
    {
        _file.Write(stream =>
        {
            stream.Position = 0;
            stream.Write(NpyHeader.Reserve(_type, Rows, _rowShape));
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
}
