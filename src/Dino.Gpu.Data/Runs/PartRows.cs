using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Reads the rows of finished parts in the order of the list, one at a time. Values and sizes come from the shards,
/// paths and carried columns from the manifests. <c>errors.jsonl</c> says which images failed, since not every format
/// does.
/// </summary>
/// <param name="length">Values of a row.</param>
internal sealed class PartRows(int length)
{
    private readonly float[] _values = new float[length];

    /// <summary>Values of the row that was read last (length); NaN where it has none.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <inheritdoc cref="Values"/>
    public ReadOnlyMemory<float> Memory => _values;

    /// <summary>Rows of one part.</summary>
    /// <param name="part">It is complete.</param>
    /// <param name="first">Row of the list to begin at; shards that end before it are not read.</param>
    /// <param name="wants">
    /// Says, when a shard's turn comes, whether its rows are read; null for all shards.
    /// </param>
    /// <returns>Every row, and whether the output has none for it.</returns>
    /// <exception cref="DinoException">A file cannot be read, or does not hold the rows that it should.</exception>
    public IEnumerable<(RowInfo Info, bool IsSkipped)> Read(RunPart part, long first, Func<long, bool>? wants = null)
    {
        using var list = InputList.Open(part.Manifest);
        if (list.Count != part.Rows)
            throw new DinoException($"{part.Manifest} has {list.Count} rows, expected {part.Rows}");
        using IEnumerator<RowInfo> errors = ErrorLog.Read(part.Errors).GetEnumerator();
        RowInfo? error = Next(errors);
        if (error?.Row < part.Record.FirstRow)
            throw OutOfOrder(part, error);
        for (long shard = 0; shard < part.Record.Shards; shard++)
        {
            (long row, long last) = part.RowsOf(shard);
            bool isRead = last > first && wants?.Invoke(shard) is not false;
            using ShardRows? rows = !isRead ? null : new ShardRows(part.Shard(shard), FormatCatalog.FromName(part.Record.Format)!, _values);
            foreach (InputItem item in isRead
                ? list.Items(row - part.Record.FirstRow, last - part.Record.FirstRow)
                : Enumerable.Repeat(InputItem.File(""), (int)(last - row)))
            {
                RowInfo? failed = error?.Row == row ? error : null;
                if (failed is not null)
                {
                    error = Next(errors);
                    if (error?.Row <= row)
                        throw OutOfOrder(part, error);
                }

                bool isSkipped = failed is not null && part.Record.OnError == "skip";
                RowInfo? info = isSkipped ? Failed(row, item, failed!) : rows?.Next(row, item, failed);
                if (row++ >= first && isRead)
                    yield return (info!, isSkipped);
            }

            rows?.End(row);
        }

        if (error is not null)
            throw OutOfOrder(part, error);
    }

    private static RowInfo? Next(IEnumerator<RowInfo> errors) => errors.MoveNext() ? errors.Current : null;

    private static RowInfo Failed(long row, InputItem item, RowInfo failed) =>
        new() { Row = row, Path = item.Path, Error = failed.Error, Columns = item.Columns };

    private static DinoException OutOfOrder(RunPart part, RowInfo error) =>
        new(
            $"{part.Errors} has row {error.Row} where it should not be: {part.Name} has the rows {part.Record.FirstRow} to "
                + $"{part.Record.LastRow - 1}, in order and each once");

    /// <summary>One shard, row by row.</summary>
    private sealed class ShardRows : IDisposable
    {
        private const string Remedy = "delete the shard and run the part again";

        private readonly string _path;
        private readonly bool _hasRows; // whether the format keeps the row's number
        private readonly float[] _values;
        private readonly IEmbeddingReader _reader;

        public ShardRows(string path, EmbeddingFormat format, float[] values)
        {
            _path = path;
            _hasRows = format == FormatCatalog.Npz || format == FormatCatalog.Safetensors;
            _values = values;
            _reader = Reading(() => FormatCatalog.OpenReader(path));
            // A file of lines that has only failed images does not say how long a row is.
            if (_reader.RowLength == _values.Length || _reader.RowLength == 0)
                return;
            _reader.Dispose();
            throw new DinoException($"{path} has rows of {_reader.RowLength} values, expected {_values.Length}");
        }

        /// <summary>Reads the next row of the shard, which must be that of the list.</summary>
        public RowInfo Next(long row, InputItem item, RowInfo? failed)
        {
            if (_reader.RowLength == 0)
                Array.Fill(_values, float.NaN);
            RowInfo found = Reading(() => _reader.Read(_values.AsSpan(0, _reader.RowLength)))
                ?? throw new DinoException($"{_path} ends before row {row} of the list", Remedy);
            if (found.Path.Length > 0 && found.Path != item.Path)
                throw new DinoException(
                    $"{_path} has '{found.Path}' in row {row} of the list, the manifest beside it '{item.Path}'", Remedy);
            if (_hasRows && found.Row != row)
                throw new DinoException($"{_path} has row {found.Row} where row {row} of the list should be", Remedy);
            bool hasNone = found.Error is not null;
            if (failed is not null && !hasNone)
                throw new DinoException(
                    $"{_path} has an embedding in row {row} of the list, which failed after the errors.jsonl beside it", Remedy);
            // A damaged checkpoint makes all NaN of a good image, without an error.
            if (failed is null && hasNone && found.Error != EmbeddingFile.MissingValues(_values))
                throw new DinoException(
                    $"{_path} has no embedding in row {row} of the list ({found.Error}), and the errors.jsonl beside it does not list it",
                    Remedy);
            return found with { Row = row, Path = item.Path, Error = failed?.Error, Columns = item.Columns };
        }

        /// <summary>Refuses further rows.</summary>
        public void End(long row)
        {
            if (Reading(() => _reader.Read(_values.AsSpan(0, _reader.RowLength))) is not null)
                throw new DinoException($"{_path} has more rows than those up to row {row - 1} of the list", Remedy);
        }

        public void Dispose() => _reader.Dispose();

        private static T Reading<T>(Func<T> read)
        {
            try
            {
                return read();
            }
            catch (DinoException failure)
            {
                throw new DinoException(failure.Message, $"if the file is damaged, {Remedy}", failure);
            }
        }
    }
}
