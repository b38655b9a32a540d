using System.Globalization;
using System.Numerics;
using System.Text;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// A Parquet file. One page of each column is in memory at a time. Dates and times are carried as text in their ISO form, nanoseconds of dates to the tenth of a microsecond
/// that .NET has. Unsigned 64-bit integers and decimals are integers or numbers where all of a column's values can be such without losing a digit, else text.
/// </summary>
internal sealed class ParquetManifest : Manifest
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly BigInteger SureOfDouble = BigInteger.Pow(10, 15); // digits that a double keeps

    private readonly string _pathName;

    /// <inheritdoc cref="Manifest.Open"/>
    public ParquetManifest(string file, string? pathColumn)
        : base(file)
    {
        using var opened = new Opened(this);
        Field[] fields = Reading(() => opened.Reader.Schema.Fields.ToArray());
        (int path, int[] carried) = Choose([.. fields.Select(field => field.Name)], pathColumn);
        if (TypeOf(fields[path]) != ColumnType.Text)
            throw Failed($"column '{fields[path].Name}' holds no text, expected paths");
        _pathName = fields[path].Name;
        Columns = [.. carried.Select(column => new CarriedColumn(fields[column].Name, CarriedType(opened, fields[column])))];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<CarriedColumn> Columns { get; }

    /// <inheritdoc/>
    public override IEnumerable<InputItem> Rows()
    {
        using var opened = new Opened(this);
        long row = 0;
        for (int index = 0; index < opened.Reader.RowGroupCount; index++)
        {
            int current = index;
            using ParquetRowGroupReader group = Reading(() => opened.Reader.OpenRowGroupReader(current));
            ParquetCells[] cells = Reading(() => Columns.Prepend(new CarriedColumn(_pathName, ColumnType.Text)).Select(column => Cells(opened, group, column)).ToArray());
            for (long i = 0; i < group.RowCount; i++, row++)
            {
                object?[] values = Reading(() => Array.ConvertAll(cells, one => one.Next()));
                if (values[0] is not string { Length: > 0 } path)
                    throw Failed($"row {row}: no path in column '{_pathName}'");
                yield return new InputItem(path, values[1..]);
            }
        }
    }

    private ColumnType CarriedType(Opened opened, Field field)
    {
        if (TypeOf(field) is not { } type)
            throw Failed($"column '{field.Name}' is a list, a structure or of another type that cannot be carried: leave it out");
        return MayLoseDigits(field) && LosesDigits(opened, new CarriedColumn(field.Name, type)) ? ColumnType.Text : type;
    }

    /// <summary>Whether the type alone does not say that every value can be an integer, or a number with all its digits.</summary>
    private static bool MayLoseDigits(Field field) => field is DataField data && (data.ClrType == typeof(ulong) || data.ClrType == typeof(BigDecimal));

    private bool LosesDigits(Opened opened, CarriedColumn column) => Reading(() =>
    {
        for (int index = 0; index < opened.Reader.RowGroupCount; index++)
        {
            using ParquetRowGroupReader group = opened.Reader.OpenRowGroupReader(index);
            ParquetCells cells = Cells(opened, group, column);
            for (long row = 0; row < group.RowCount; row++)
            {
                if (cells.Next() is string)
                    return true;
            }
        }

        return false;
    });

    private ParquetCells Cells(Opened opened, ParquetRowGroupReader group, CarriedColumn column)
    {
        var field = (DataField)opened.Reader.Schema.Fields.Single(one => one.Name == column.Name);
        if (field is TimeDataField { Precision: var unit })
            return field.ClrType == typeof(int) ? Of<int>(value => TimeOfDay(value, unit)) : Of<long>(value => TimeOfDay(value, unit));
        return field.ClrType switch
        {
            var type when type == typeof(ReadOnlyMemory<char>) => Of<ReadOnlyMemory<char>>(value => value.ToString()),
            var type when type == typeof(ReadOnlyMemory<byte>) => Of<ReadOnlyMemory<byte>>(value => Text(value.Span, field)),
            var type when type == typeof(bool) => Of<bool>(value => value),
            var type when type == typeof(sbyte) => Of<sbyte>(value => (long)value),
            var type when type == typeof(byte) => Of<byte>(value => (long)value),
            var type when type == typeof(short) => Of<short>(value => (long)value),
            var type when type == typeof(ushort) => Of<ushort>(value => (long)value),
            var type when type == typeof(int) => Of<int>(value => (long)value),
            var type when type == typeof(uint) => Of<uint>(value => (long)value),
            var type when type == typeof(long) => Of<long>(value => value),
            var type when type == typeof(ulong) => Of<ulong>(value => column.Type == ColumnType.Text || value > long.MaxValue ? Text(value, null) : (long)value),
            var type when type == typeof(float) => Of<float>(value => (double)value),
            var type when type == typeof(double) => Of<double>(value => value),
            var type when type == typeof(BigDecimal) => Of<BigDecimal>(value => Exact(value, column.Type)),
            // What is stored without a time zone has none here either, whichever this machine is in.
            var type when type == typeof(DateTime) => Of<DateTime>(value => Text(value.Kind == DateTimeKind.Local ? DateTime.SpecifyKind(value, DateTimeKind.Unspecified) : value, "O")),
            var type when type == typeof(DateOnly) => Of<DateOnly>(value => Text(value, "O")),
            var type when type == typeof(TimeOnly) => Of<TimeOnly>(value => Text(value, "O")),
            _ => Of<Guid>(value => value.ToString()),
        };

        ParquetCells<T> Of<T>(Func<T, object> convert)
            where T : struct => new(opened.Stream, group, field, convert);
    }

    /// <summary>A decimal as a value of the column's type, or as text where that would lose a digit.</summary>
    private static object Exact(BigDecimal value, ColumnType type)
    {
        BigInteger unscaled = value.UnscaledValue;
        if (type == ColumnType.Integer && value.Scale == 0 && unscaled >= long.MinValue && unscaled <= long.MaxValue)
            return (long)unscaled;
        string digits = BigInteger.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(value.Scale + 1, '0');
        string fraction = digits[^value.Scale..].TrimEnd('0');
        string text = $"{(unscaled.Sign < 0 ? "-" : "")}{digits[..^value.Scale]}{(fraction.Length > 0 ? "." : "")}{fraction}";
        return type == ColumnType.Number && BigInteger.Abs(unscaled) < SureOfDouble ? double.Parse(text, CultureInfo.InvariantCulture) : text;
    }

    /// <summary>The ISO form of a time of day.</summary>
    private static string TimeOfDay(long value, TimeUnitPrecision unit)
    {
        (long second, string digits) = unit switch
        {
            TimeUnitPrecision.Millis => (1_000L, "D3"),
            TimeUnitPrecision.Micros => (1_000_000L, "D6"),
            _ => (1_000_000_000L, "D9"),
        };
        long seconds = value / second;
        return string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:D2}:{seconds / 60 % 60:D2}:{seconds % 60:D2}.{(value % second).ToString(digits, CultureInfo.InvariantCulture)}");
    }

    private static string Text(IFormattable value, string? format) => value.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>Old writers leave text unmarked.</summary>
    private string Text(ReadOnlySpan<byte> value, DataField field)
    {
        try
        {
            return Utf8.GetString(value);
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
        if (data is TimeDataField)
            return ColumnType.Text;
        if (type == typeof(bool))
            return ColumnType.Boolean;
        bool isInteger = type == typeof(sbyte) || type == typeof(byte) || type == typeof(short) || type == typeof(ushort) || type == typeof(int) || type == typeof(uint)
            || type == typeof(long) || type == typeof(ulong) || data is DecimalDataField { Scale: 0 };
        if (isInteger)
            return ColumnType.Integer;
        if (type == typeof(float) || type == typeof(double) || type == typeof(BigDecimal))
            return ColumnType.Number;
        bool isText = type == typeof(ReadOnlyMemory<char>) || type == typeof(ReadOnlyMemory<byte>)
            || type == typeof(DateTime) || type == typeof(DateOnly) || type == typeof(TimeOnly) || type == typeof(Guid);
        return isText ? ColumnType.Text : null;
    }

    /// <summary>The library fails in many ways on damaged files; all of them are one line here.</summary>
    private T Reading<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is not (DinoException or OutOfMemoryException))
        {
            string reason = failure is IOException or InvalidDataException or NotSupportedException ? $" ({failure.Message.ReplaceLineEndings(" ")})" : "";
            throw Failed($"no Parquet file, or a damaged one{reason}", failure);
        }
    }

    /// <summary>The file, checked and opened.</summary>
    private sealed class Opened : IDisposable
    {
        public Opened(ParquetManifest manifest)
        {
            Stream = new PageStream(new FileStream(manifest.OpenFile(), FileAccess.Read));
            try
            {
                Reader = manifest.Reading(() =>
                {
                    ParquetCheck.Run(Stream);
                    return ParquetReader.CreateAsync(Stream, new ParquetOptions { UseDateOnlyTypeForDates = true, UseBigDecimal = true }, leaveStreamOpen: true).GetAwaiter().GetResult();
                });
            }
            catch
            {
                Stream.Dispose();
                throw;
            }
        }

        public PageStream Stream { get; }

        public ParquetReader Reader { get; }

        public void Dispose()
        {
            Reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
            Stream.Dispose();
        }
    }
}
