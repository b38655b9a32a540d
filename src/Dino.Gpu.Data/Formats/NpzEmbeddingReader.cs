using System.IO.Compression;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A <c>.npz</c> with an array <c>embedding</c>, or with a single array. Other one-dimensional arrays with as many rows
/// are columns. Arrays may be compressed.
/// </summary>
internal sealed class NpzEmbeddingReader : IEmbeddingReader
{
    private const string Suffix = ".npy";

    /// <summary>
    /// The most compressed members. While one is read, it takes a decompressor of a few dozen kilobytes.
    /// </summary>
    private const int MaxCompressed = 1000;

    private readonly ZipArchive _zip;
    private readonly MemoryBudget _budget;
    private readonly NpyArray _embedding;
    private readonly Dictionary<string, NpyArray> _own = []; // row, path, width, height, sha256, error
    private readonly List<NpyArray> _carried = [];
    private readonly long _rows;
    private long _next;
    private bool _isFinished;

    /// <param name="stream">The file, disposed with the reader.</param>
    public NpzEmbeddingReader(Stream stream)
    {
        _budget = new MemoryBudget(stream.Length);
        _zip = new ZipArchive(stream, ZipArchiveMode.Read);
        List<ZipArchiveEntry> arrays = [.. _zip.Entries.Where(entry => entry.FullName.EndsWith(Suffix, StringComparison.Ordinal))];
        int compressed = arrays.Count(entry => entry.CompressedLength != entry.Length);
        if (arrays.Count > ColumnScan.MaxColumns || compressed > MaxCompressed)
        {
            string limits = $"the limits are {ColumnScan.MaxColumns} and {MaxCompressed}";
            throw new InvalidDataException($"it has {arrays.Count} arrays, {compressed} of them compressed ({limits})");
        }

        ZipArchiveEntry embedding = arrays.Find(entry => entry.FullName == "embedding" + Suffix)
            ?? (arrays.Count == 1
                ? arrays[0]
                : throw new InvalidDataException($"there is no array 'embedding' among its {arrays.Count}"));
        _embedding = Open(embedding);
        int[] shape = _embedding.RowShape();
        _rows = _embedding.Shape[0];
        var columns = new List<CarriedColumn>();
        foreach (ZipArchiveEntry entry in arrays.Where(entry => entry != embedding))
            AddColumn(entry, columns);
        Schema = new RowSchema(shape, _embedding.Type == "<f2" ? FloatType.Float16 : FloatType.Float32, _own.ContainsKey("sha256"), columns)
        {
            Provenance = _zip.GetEntry(Provenance.MemberName) is { } member ? ReadProvenance(member) : null,
        };
    }

    public RowSchema Schema { get; }

    public RowInfo? Read(Span<float> values)
    {
        if (_next == _rows)
        {
            Finish();
            return null;
        }

        _embedding.Read(values);
        long position = _next++;
        string? error = Cell("error") as string;
        return new RowInfo
        {
            Row = Cell("row") as long? ?? position,
            Path = Cell("path") as string ?? "",
            Width = Size("width"),
            Height = Size("height"),
            Sha256 = Cell("sha256") is string { Length: > 0 } digest ? digest : null,
            Error = string.IsNullOrEmpty(error) ? EmbeddingFile.MissingValues(values) : error,
            Columns = [.. _carried.Select(column => column.ReadCell())],
        };
    }

    public void Dispose()
    {
        _embedding.Dispose();
        foreach (NpyArray column in _own.Values.Concat(_carried))
            column.Dispose();
        _zip.Dispose();
    }

    /// <summary>Opens an array that is needed.</summary>
    private static NpyArray Open(ZipArchiveEntry entry) => Open(entry, _ => true)!;

    /// <summary>Opens an array. Its member may claim any length, but deflate makes at most 1032 bytes of one.</summary>
    /// <param name="entry">The member.</param>
    /// <param name="isUsed">Whether a shape is that of an array that is used.</param>
    /// <returns>Null for one that is not used, of whatever type.</returns>
    private static NpyArray? Open(ZipArchiveEntry entry, Predicate<long[]> isUsed)
    {
        long length = Math.Min(entry.Length, 1032 * Math.Min(entry.CompressedLength, long.MaxValue / 1032) + 1032);
        var member = new CheckedMember(entry);
        try
        {
            NpyHeader header = NpyHeader.Read(member);
            if (isUsed(header.Shape))
                return new NpyArray(member, header, length);
            member.Dispose();
            return null;
        }
        catch (InvalidDataException failure)
        {
            throw new InvalidDataException($"array '{NameOf(entry)}': {failure.Message}", failure);
        }
    }

    private static string NameOf(ZipArchiveEntry entry) => entry.FullName[..^Suffix.Length];

    private static Provenance ReadProvenance(ZipArchiveEntry member)
    {
        byte[] json = new byte[Provenance.LongestJson];
        using var stream = new CheckedMember(member);
        return Provenance.FromJson(json.AsSpan(0, stream.ReadAtLeast(json, json.Length, throwOnEndOfStream: false)));
    }

    /// <summary>Checks what follows every array.</summary>
    private void Finish()
    {
        if (_isFinished)
            return;
        _isFinished = true;
        foreach (NpyArray array in _own.Values.Concat(_carried).Prepend(_embedding))
            array.Finish();
    }

    private void AddColumn(ZipArchiveEntry entry, List<CarriedColumn> columns)
    {
        string name = NameOf(entry);
        bool isOwn = RowSchema.IsOwnColumn(name);
        if (Open(entry, shape => isOwn || IsColumn(shape)) is not { } array)
            return;
        _budget.Take(array.ElementLength);
        if (isOwn && !IsColumn(array.Shape))
            throw new InvalidDataException($"the array '{name}' has the shape ({string.Join(", ", array.Shape)}), expected ({_rows},)");
        if (isOwn)
        {
            if (!_own.TryAdd(name, array))
                throw new InvalidDataException($"there are two arrays '{name}'");
            return;
        }

        array.IsDigits = array.Type == "<u8" && HasLarge(entry);
        _carried.Add(array);
        columns.Add(new CarriedColumn(name, array.ColumnType!.Value));
    }

    private bool IsColumn(long[] shape) => shape is [var rows] && rows == _rows;

    /// <summary>Whether a column has integers beyond those of 64 bits with a sign. It is read to find out.</summary>
    private bool HasLarge(ZipArchiveEntry entry)
    {
        _budget.Require(sizeof(ulong) * _rows);
        using NpyArray array = Open(entry);
        return array.HasLarge();
    }

    private object? Cell(string name) => _own.TryGetValue(name, out NpyArray? array) ? array.ReadCell() : null;

    private int? Size(string name) => Cell(name) is long size and >= 0 and <= int.MaxValue ? (int)size : null;
}
