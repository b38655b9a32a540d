using System.Globalization;
using System.Text;
using Dino.Gpu.Cli.Formats;
using Parquet;
using Parquet.Schema;

namespace Dino.Gpu.Cli.Inputs;

/// <summary>A Parquet file. One row group is in memory at a time. Dates and times are carried as text in their ISO form, decimals as numbers.</summary>
internal sealed class ParquetManifest : Manifest
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _pathName;

    /// <inheritdoc cref="Manifest.Open"/>
    public ParquetManifest(string file, string? pathColumn)
        : base(file)
    {
        (_pathName, Columns) = Reading(async () =>
        {
            await using ParquetReader reader = await OpenAsync().ConfigureAwait(false);
            IReadOnlyList<Field> fields = reader.Schema.Fields;
            (int path, int[] carried) = Choose([.. fields.Select(field => field.Name)], pathColumn);
            if (TypeOf(fields[path]) != ColumnType.Text)
                throw Failed($"column '{fields[path].Name}' holds no text, expected paths");
            IReadOnlyList<CarriedColumn> columns =
            [
                .. carried.Select(column => new CarriedColumn(
                    fields[column].Name,
                    TypeOf(fields[column]) ?? throw Failed($"column '{fields[column].Name}' is a list, a structure or of another type that cannot be carried: leave it out"))),
            ];
            return (fields[path].Name, columns);
        });
    }

    /// <inheritdoc/>
    public override IReadOnlyList<CarriedColumn> Columns { get; }

    /// <inheritdoc/>
    public override IEnumerable<InputItem> Rows()
    {
        ParquetReader reader = Reading(OpenAsync);
        try
        {
            long row = 0;
            for (int group = 0; group < reader.RowGroupCount; group++)
            {
                int current = group;
                object?[][] columns = Reading(() => ReadGroupAsync(reader, current));
                for (int i = 0; i < columns[0].Length; i++, row++)
                {
                    if (columns[0][i] is not string { Length: > 0 } path)
                        throw Failed($"row {row}: no path in column '{_pathName}'");
                    yield return new InputItem(path, Array.ConvertAll(columns[1..], column => column[i]));
                }
            }
        }
        finally
        {
            Reading(async () =>
            {
                await reader.DisposeAsync().ConfigureAwait(false);
                return true;
            });
        }
    }

    /// <summary>The paths, then every carried column.</summary>
    private async Task<object?[][]> ReadGroupAsync(ParquetReader reader, int index)
    {
        using ParquetRowGroupReader group = reader.OpenRowGroupReader(index);
        var columns = new List<object?[]>();
        foreach (string name in Columns.Select(column => column.Name).Prepend(_pathName))
        {
            var field = (DataField)reader.Schema.Fields.Single(one => one.Name == name);
            columns.Add(await ReadColumnAsync(group, field).ConfigureAwait(false));
        }

        return [.. columns];
    }

    private Task<object?[]> ReadColumnAsync(ParquetRowGroupReader group, DataField field) => field.ClrType switch
    {
        var type when type == typeof(ReadOnlyMemory<char>) => ReadTextAsync(group, field),
        var type when type == typeof(ReadOnlyMemory<byte>) => ReadBytesAsync(group, field),
        var type when type == typeof(bool) => ReadAsync<bool>(group, field, value => value),
        var type when type == typeof(sbyte) => ReadAsync<sbyte>(group, field, value => (long)value),
        var type when type == typeof(byte) => ReadAsync<byte>(group, field, value => (long)value),
        var type when type == typeof(short) => ReadAsync<short>(group, field, value => (long)value),
        var type when type == typeof(ushort) => ReadAsync<ushort>(group, field, value => (long)value),
        var type when type == typeof(int) => ReadAsync<int>(group, field, value => (long)value),
        var type when type == typeof(uint) => ReadAsync<uint>(group, field, value => (long)value),
        var type when type == typeof(long) => ReadAsync<long>(group, field, value => value),
        var type when type == typeof(ulong) => ReadAsync<ulong>(group, field, value => (double)value),
        var type when type == typeof(float) => ReadAsync<float>(group, field, value => (double)value),
        var type when type == typeof(double) => ReadAsync<double>(group, field, value => value),
        var type when type == typeof(decimal) => ReadAsync<decimal>(group, field, value => (double)value),
        var type when type == typeof(DateTime) => ReadAsync<DateTime>(group, field, value => Text(value)),
        var type when type == typeof(DateOnly) => ReadAsync<DateOnly>(group, field, value => Text(value)),
        var type when type == typeof(TimeOnly) => ReadAsync<TimeOnly>(group, field, value => Text(value)),
        _ => ReadAsync<Guid>(group, field, value => value.ToString()),
    };

    private static string Text(IFormattable value) => value.ToString("O", CultureInfo.InvariantCulture);

    private static async Task<object?[]> ReadAsync<T>(ParquetRowGroupReader group, DataField field, Func<T, object> convert)
        where T : struct
    {
        if (field.IsNullable)
        {
            var values = new T?[group.RowCount];
            await group.ReadAsync(field, values.AsMemory()).ConfigureAwait(false);
            return Array.ConvertAll(values, value => value is { } one ? convert(one) : null);
        }

        var all = new T[group.RowCount];
        await group.ReadAsync(field, all.AsMemory()).ConfigureAwait(false);
        return Array.ConvertAll(all, object? (value) => convert(value));
    }

    private static async Task<object?[]> ReadTextAsync(ParquetRowGroupReader group, DataField field)
    {
        string?[] values = new string?[group.RowCount];
        await group.ReadAsync(field, values.AsMemory()!).ConfigureAwait(false);
        return values;
    }

    /// <summary>Old writers leave text unmarked.</summary>
    private async Task<object?[]> ReadBytesAsync(ParquetRowGroupReader group, DataField field)
    {
        byte[]?[] values = new byte[]?[group.RowCount];
        await group.ReadAsync(field, values.AsMemory()!).ConfigureAwait(false);
        try
        {
            return Array.ConvertAll(values, object? (value) => value is null ? null : Utf8.GetString(value));
        }
        catch (DecoderFallbackException failure)
        {
            throw Failed($"column '{field.Name}' holds bytes that are no text, which cannot be carried: leave it out", failure);
        }
    }

    private static ColumnType? TypeOf(Field field)
    {
        if (field is not DataField { IsArray: false, MaxRepetitionLevel: 0 } data)
            return null;
        Type type = data.ClrType;
        if (type == typeof(bool))
            return ColumnType.Boolean;
        if (type == typeof(sbyte) || type == typeof(byte) || type == typeof(short) || type == typeof(ushort) || type == typeof(int) || type == typeof(uint) || type == typeof(long))
            return ColumnType.Integer;
        if (type == typeof(ulong) || type == typeof(float) || type == typeof(double) || type == typeof(decimal))
            return ColumnType.Number;
        bool isText = type == typeof(ReadOnlyMemory<char>) || type == typeof(ReadOnlyMemory<byte>)
            || type == typeof(DateTime) || type == typeof(DateOnly) || type == typeof(TimeOnly) || type == typeof(Guid);
        return isText ? ColumnType.Text : null;
    }

    private async Task<ParquetReader> OpenAsync()
    {
        var stream = new FileStream(OpenFile(), FileAccess.Read);
        try
        {
            ParquetCheck.Run(stream);
            return await ParquetReader.CreateAsync(stream, leaveStreamOpen: false).ConfigureAwait(false);
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The library fails in many ways on damaged files; all of them are one line here.</summary>
    private T Reading<T>(Func<Task<T>> read)
    {
        try
        {
            return read().GetAwaiter().GetResult();
        }
        catch (Exception failure) when (failure is not (DinoException or OutOfMemoryException))
        {
            string reason = failure is IOException or InvalidDataException or NotSupportedException ? $" ({failure.Message.ReplaceLineEndings(" ")})" : "";
            throw Failed($"no Parquet file, or a damaged one{reason}", failure);
        }
    }
}
