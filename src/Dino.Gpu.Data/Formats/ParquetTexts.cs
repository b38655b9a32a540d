using System.IO.Hashing;
using System.Security.Cryptography;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Turns the bytes of a column into cells. A dictionary can repeat a long text in every row: it becomes one string,
/// or a small file would fill the heap with copies faster than they are collected.
/// </summary>
/// <param name="claims">Counts the texts.</param>
/// <param name="leaf">The column.</param>
/// <param name="type">The type that its values are read as.</param>
/// <param name="most">Bytes of long texts that are kept: what the column took of the memory budget.</param>
internal sealed class ParquetTexts(ParquetClaims claims, ParquetLeaf leaf, ColumnType type, long most)
{
    /// <summary>Bytes from which a text is worth looking for.</summary>
    private const int Long = 4096;

    // Not known to whoever made the file, so that no two texts of it were chosen to have one hash.
    private static readonly long Seed = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));

    private readonly Dictionary<UInt128, object> _texts = [];
    private long _kept;

    /// <summary>A value as a cell.</summary>
    /// <exception cref="InvalidDataException">
    /// It is neither text nor another type that is read, or all texts together take absurdly long.
    /// </exception>
    public object Cell(ReadOnlySpan<byte> value)
    {
        claims.TakeText(value.Length);
        if (value.Length < Long)
            return ParquetValues.OfBytes(value, leaf, type);
        UInt128 hash = XxHash128.HashToUInt128(value, Seed);
        if (_texts.TryGetValue(hash, out object? text))
            return text;
        _kept += sizeof(char) * (long)value.Length;
        if (_kept > most)
        {
            _texts.Clear();
            _kept = sizeof(char) * (long)value.Length;
        }

        text = ParquetValues.OfBytes(value, leaf, type);
        _texts.Add(hash, text);
        return text;
    }
}
