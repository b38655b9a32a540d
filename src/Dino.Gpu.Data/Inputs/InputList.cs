using System.Security.Cryptography;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// The list of images that a run is about, settled before the work begins: every row with its place, in a file and not
/// in memory, so that a million rows take no
/// more of it than a thousand. Thread-safe; whoever makes it disposes it.
/// </summary>
public sealed class InputList : IDisposable
{
    /// <summary>The offset of every such row is in memory, 8 bytes each, to go to any row in a few hundred
    /// microseconds.</summary>
    internal const int IndexStep = 1024;

    private readonly ReadAt _read;
    private readonly Stream? _file;
    private readonly string _name;
    private readonly List<long> _offsets;
    private readonly Lazy<string> _sha256;

    /// <param name="read">Reads the file.</param>
    /// <param name="file">Disposed with this; null for a list in memory.</param>
    /// <param name="name">For messages.</param>
    /// <param name="columns">Columns of every row.</param>
    /// <param name="count">Rows.</param>
    /// <param name="offsets">Where row 0 starts, and every <see cref="IndexStep"/>-th.</param>
    internal InputList(ReadAt read, Stream? file, string name, IReadOnlyList<CarriedColumn> columns, long count, List<long> offsets)
    {
        _read = read;
        _file = file;
        _name = name;
        _offsets = offsets;
        Columns = columns;
        Count = count;
        _sha256 = new Lazy<string>(Sum);
    }

    /// <summary>Rows of the list.</summary>
    public long Count { get; }

    /// <summary>SHA-256 of the list as written, columns and rows, in lower-case hexadecimal: what <c>sha256sum</c> says
    /// of its file. Reads it once, when it is asked for: loading the cryptography costs a short run its
    /// start.</summary>
    internal string Sha256 => _sha256.Value;

    /// <summary>Columns that go into the output, with the types of their values.</summary>
    internal IReadOnlyList<CarriedColumn> Columns { get; }

    /// <summary>Settles a list, so that every row has its number before the first image is read.</summary>
    /// <param name="inputs">Files, folders, globs, <c>@list.txt</c>, manifests and tar archives, in this order.</param>
    /// <param name="cancellation">Stops between two rows.</param>
    /// <returns>The list; the caller disposes it.</returns>
    /// <exception cref="DinoException">An input cannot be read, or there is no image in it.</exception>
    /// <exception cref="ArgumentException">An input is null.</exception>
    public static InputList Settle(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        Arguments.ThrowIfAnyNull(inputs);
        if (inputs.Contains("-"))
        {
            throw new DinoException(
                "'-' is the command line's name for standard input (expected a file, a folder or a glob)", "name a file called - as ./-");
        }

        return Settle(inputs, TextReader.Null, cancellation: cancellation);
    }

    /// <summary>Folders that rows were found in.</summary>
    internal IReadOnlyList<string> Folders { get; private set; } = [];

    /// <summary>What the user should know about it, such as files of a folder that were left out.</summary>
    public IReadOnlyList<string> Notes { get; private set; } = [];

    /// <summary>Settles the list: arguments in the order given, a list line by line, a folder or a glob in the byte
    /// order of its paths, an archive in its own order.</summary>
    /// <param name="inputs">Files, folders, globs, <c>@list.txt</c>, manifests, tar archives, or <c>-</c> for paths on
    /// <paramref name="standardInput"/>.</param>
    /// <param name="standardInput">Read to its end when <c>-</c> is among the inputs.</param>
    /// <param name="path">File to keep the list in, which appears when it is whole; null for a temporary one that goes
    /// with <see cref="Dispose"/>.</param>
    /// <param name="pathColumn">The manifests' column with the images' paths; null for the first of those
    /// usual.</param>
    /// <param name="cancellation">Stops between two rows.</param>
    /// <exception cref="DinoException">A folder, glob or archive without images, a list or manifest that cannot be
    /// read, columns that cannot be carried, or nothing at all.</exception>
    internal static InputList Settle(
        IReadOnlyList<string> inputs, TextReader standardInput, string? path =
            null, string? pathColumn = null, CancellationToken cancellation = default)
    {
        List<InputSource> sources = [.. inputs.SelectMany(input => InputSource.Of(input, standardInput, pathColumn))];
        if (pathColumn is not null && !sources.Any(source => source.IsManifest))
            throw new DinoException(
                "--path-column names a column of a manifest, and there is no .csv, .tsv, .jsonl, .json or .parquet file among the inputs");
        CarriedColumn[] columns = ColumnTypes.Union(sources.Select(source => source.Columns));

        using var writer = new InputListWriter(columns, path);
        var notes = new List<string>();
        foreach (InputSource source in sources)
        {
            // Values of the source's columns go to their places in the union; the others of the row are null.
            int[] places = [.. source.Columns.Select(column => Array.FindIndex(columns, one => one.Name == column.Name))];
            object?[] nothing = new object?[columns.Length];
            bool any = false;
            foreach (InputItem item in source.Rows())
            {
                cancellation.ThrowIfCancellationRequested();
                any = true;
                writer.Add(
                    columns.Length == 0
                        ? item
                        : item with { Columns = places.Length == 0 ? nothing : Place(item.Columns, places, columns) });
            }

            if (!any)
                throw new DinoException(source.Nothing, source.Hint());
            notes.AddRange(new[] { source.ColumnNote, source.Note() }.OfType<string>());
        }

        InputList list = writer.Complete(path);
        list.Notes = notes;
        list.Folders = [.. sources.Select(source => source.Folder).OfType<string>()];
        return list;
    }

    /// <summary>Paths on standard input as they come, one a line, for a run that shall not wait for the last of
    /// them.</summary>
    /// <param name="standardInput">The paths.</param>
    /// <param name="mayBeEmpty">Whether no paths are no rows, as in an empty partition of a larger job.</param>
    /// <exception cref="DinoException">There were none, and there have to be some; thrown at the end.</exception>
    internal static IEnumerable<InputItem> Stream(TextReader standardInput, bool mayBeEmpty = false)
    {
        InputSource lines = InputSource.Lines(standardInput);
        bool any = false;
        foreach (InputItem item in lines.Rows())
        {
            any = true;
            yield return item;
        }

        if (!any && !mayBeEmpty)
            throw new DinoException(lines.Nothing);
    }

    /// <summary>Opens a list that <c>Settle</c> wrote to a path.</summary>
    /// <exception cref="DinoException">There is no such file, or it is no list.</exception>
    internal static InputList Open(string path)
    {
        (ReadAt read, Stream file) = OpenFile(path);
        try
        {
            var lines = new ByteLines(read);
            IReadOnlyList<CarriedColumn>? columns = null;
            var offsets = new List<long>();
            long count = 0;
            while (lines.Next())
            {
                if (!lines.IsEnded)
                    throw new FormatException("cut short inside its last line");
                if (columns is null)
                    columns = InputRowJson.ReadHeader(lines.Line);
                else if (count++ % IndexStep == 0)
                    offsets.Add(lines.Offset);
            }

            if (columns is null)
                throw new FormatException("empty");
            return new InputList(read, file, path, columns, count, offsets);
        }
        catch (Exception failure) when (failure is FormatException or IOException or DinoException)
        {
            file.Dispose();
            throw new DinoException($"cannot read list '{path}': {failure.Message}", failure);
        }
    }

    /// <summary>Whether a file is there that is none of these.</summary>
    internal static bool IsOther(string path)
    {
        if (!File.Exists(path))
            return false;
        (ReadAt read, Stream file) = OpenFile(path);
        using (file)
        {
            var lines = new ByteLines(read);
            try
            {
                if (lines.Next())
                    InputRowJson.ReadHeader(lines.Line);
                return false;
            }
            catch (FormatException)
            {
                return true;
            }
        }
    }

    /// <summary>All rows.</summary>
    internal IEnumerable<InputItem> Items() => Items(0, Count);

    /// <summary>Rows from <paramref name="first"/> up to and without <paramref name="last"/>, read as they are asked
    /// for.</summary>
    /// <exception cref="DinoException">The file has been changed meanwhile.</exception>
    internal IEnumerable<InputItem> Items(long first, long last)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfLessThan(last, first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(last, Count);
        return first == last ? [] : ReadItems(first, last);
    }

    /// <summary>Closes the list; a temporary one goes.</summary>
    public void Dispose() => _file?.Dispose();

    /// <summary>A list's file, for reading at any offset.</summary>
    /// <exception cref="DinoException">It cannot be opened.</exception>
    internal static (ReadAt Read, Stream File) OpenFile(string path)
    {
        try
        {
            var file = new FileStream(RegularFile.Open(path), FileAccess.Read, bufferSize: 0);
            return ((buffer, offset) => RandomAccess.Read(file.SafeFileHandle, buffer, offset), file);
        }
        catch (DinoException failure)
        {
            throw new DinoException($"cannot read list '{path}': {failure.Message}", failure);
        }
    }

    private IEnumerable<InputItem> ReadItems(long first, long last)
    {
        var lines = new ByteLines(Read, _offsets[(int)(first / IndexStep)]);
        for (long row = first - first % IndexStep; row < last; row++)
        {
            if (!lines.Next())
                throw new DinoException($"list '{_name}' ends before row {row} of {Count}: it was changed while it was read");
            if (row >= first)
                yield return ReadItem(lines.Line, row);
        }
    }

    private int Read(Span<byte> buffer, long offset)
    {
        try
        {
            return _read(buffer, offset);
        }
        catch (IOException failure)
        {
            throw new DinoException($"cannot read list '{_name}': {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }

    private string Sum()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 16];
        long offset = 0;
        while (Read(buffer, offset) is var read and > 0)
        {
            hash.AppendData(buffer, 0, read);
            offset += read;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private InputItem ReadItem(ReadOnlyMemory<byte> line, long row)
    {
        try
        {
            return InputRowJson.ReadRow(line, Columns);
        }
        catch (FormatException failure)
        {
            throw new DinoException($"list '{_name}', row {row}: {failure.Message}", failure);
        }
    }

    private static object?[] Place(IReadOnlyList<object?> values, int[] places, CarriedColumn[] columns)
    {
        object?[] row = new object?[columns.Length];
        for (int i = 0; i < places.Length; i++)
            row[places[i]] = ColumnTypes.Convert(values[i], columns[places[i]]);
        return row;
    }
}
