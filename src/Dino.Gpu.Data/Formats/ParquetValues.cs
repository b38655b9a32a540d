using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using Dino.Gpu.Data.Rows;
using ParquetSharp;
using Encoding = System.Text.Encoding;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Turns values of a Parquet column into cells. Dates and times become text in ISO form. Those of .NET end at a tenth
/// of a microsecond, so nanoseconds of a date are cut there.
/// </summary>
internal static class ParquetValues
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly BigInteger SureOfDouble = BigInteger.Pow(10, 15); // digits that a double keeps

    private const int MostDigits = 1000;

    private static readonly DateOnly Epoch = new(1970, 1, 1);

    /// <summary>A value that is stored as an integer.</summary>
    /// <exception cref="InvalidDataException">It is a date that .NET does not have.</exception>
    public static object OfInteger(long value, ParquetLeaf leaf, ColumnType type)
    {
        try
        {
            return leaf.Logical switch
            {
                LogicalTypeEnum.Decimal => Exact(value, leaf.Scale, type),
                LogicalTypeEnum.Date => Epoch.AddDays(checked((int)value)).ToString("O", CultureInfo.InvariantCulture),
                LogicalTypeEnum.Time => TimeOfDay(value, leaf.Unit),
                LogicalTypeEnum.Timestamp => OfTicks(TicksOf(value, leaf.Unit), leaf.IsUtc),
                _ when leaf.IsUnsigned && leaf.Physical == PhysicalType.Int64 => Exact((ulong)value, 0, type),
                _ => value,
            };
        }
        catch (Exception failure) when (failure is ArgumentOutOfRangeException or OverflowException)
        {
            throw new InvalidDataException($"column '{leaf.Name}' holds values beyond the dates of .NET; leave it out", failure);
        }
    }

    /// <summary>A date as old writers store it: nanoseconds of the day, and the day by its Julian number.</summary>
    /// <exception cref="InvalidDataException">It is a date that .NET does not have.</exception>
    public static object OfInt96(Int96 value)
    {
        const int JulianEpoch = 2440588; // of 1970-01-01
        try
        {
            long nanoseconds = (long)(uint)value.B << 32 | (uint)value.A;
            return OfTicks(checked((value.C - JulianEpoch) * TimeSpan.TicksPerDay + nanoseconds / 100), isUtc: true);
        }
        catch (Exception failure) when (failure is ArgumentOutOfRangeException or OverflowException)
        {
            throw new InvalidDataException("a column holds values beyond the dates of .NET; leave it out", failure);
        }
    }

    /// <summary>A value that is stored as bytes.</summary>
    /// <exception cref="InvalidDataException">They are neither text nor another type that is read.</exception>
    public static object OfBytes(ReadOnlySpan<byte> value, ParquetLeaf leaf, ColumnType type) => leaf.Logical switch
    {
        LogicalTypeEnum.Decimal => Exact(new BigInteger(value, isBigEndian: true), leaf.Scale, type),
        LogicalTypeEnum.Uuid when value.Length == 16 => new Guid(value, bigEndian: true).ToString(),
        LogicalTypeEnum.String or LogicalTypeEnum.Json or LogicalTypeEnum.Enum => Encoding.UTF8.GetString(value),
        _ when leaf.IsHalf => (double)BinaryPrimitives.ReadHalfLittleEndian(value),
        _ => Unmarked(value, leaf.Name),
    };

    /// <summary>Two bytes as a number.</summary>
    public static float OfHalf(FixedLenByteArray value) => (float)BinaryPrimitives.ReadHalfLittleEndian(Bytes(value, sizeof(short)));

    /// <summary>The bytes that the library points to, valid until its next page.</summary>
    public static unsafe ReadOnlySpan<byte> Bytes(ByteArray value) => new((void*)value.Pointer, value.Length);

    /// <inheritdoc cref="Bytes(ByteArray)"/>
    public static unsafe ReadOnlySpan<byte> Bytes(FixedLenByteArray value, int length) => new((void*)value.Pointer, length);

    /// <summary>A decimal as a value of the column's type, or as text if that would lose a digit.</summary>
    /// <exception cref="InvalidDataException">It has absurdly many digits, which would take long.</exception>
    private static object Exact(BigInteger unscaled, int scale, ColumnType type)
    {
        if (scale > MostDigits || unscaled.GetByteCount() > MostDigits)
            throw new InvalidDataException($"a column has decimals of more than {MostDigits} digits; leave it out");
        if (type == ColumnType.Integer && scale == 0 && unscaled >= long.MinValue && unscaled <= long.MaxValue)
            return (long)unscaled;
        string digits = BigInteger.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        string fraction = digits[^scale..].TrimEnd('0');
        string text = $"{(unscaled.Sign < 0 ? "-" : "")}{digits[..^scale]}{(fraction.Length > 0 ? "." : "")}{fraction}";
        bool fits = type == ColumnType.Number && BigInteger.Abs(unscaled) < SureOfDouble;
        return fits ? double.Parse(text, CultureInfo.InvariantCulture) : text;
    }

    private static long TicksOf(long value, TimeUnit unit) => unit switch
    {
        TimeUnit.Millis => checked(value * TimeSpan.TicksPerMillisecond),
        TimeUnit.Micros => checked(value * TimeSpan.TicksPerMicrosecond),
        _ => (long)Math.Floor(value / (decimal)TimeSpan.NanosecondsPerTick),
    };

    /// <summary>The ISO form of a date and time. One that is stored without a time zone has none here either.</summary>
    private static string OfTicks(long sinceEpoch, bool isUtc) =>
        new DateTime(
            checked(DateTime.UnixEpoch.Ticks + sinceEpoch),
            isUtc ? DateTimeKind.Utc : DateTimeKind.Unspecified).ToString("O", CultureInfo.InvariantCulture);

    /// <summary>The ISO form of a time of day.</summary>
    private static string TimeOfDay(long value, TimeUnit unit)
    {
        (long second, string digits) = unit switch
        {
            TimeUnit.Millis => (1_000L, "D3"),
            TimeUnit.Micros => (1_000_000L, "D6"),
            _ => (1_000_000_000L, "D9"),
        };
        long seconds = value / second;
        string fraction = (value % second).ToString(digits, CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:D2}:{seconds / 60 % 60:D2}:{seconds % 60:D2}.{fraction}");
    }

    /// <summary>Reads bytes without a type as text, because old writers do not mark text.</summary>
    private static string Unmarked(ReadOnlySpan<byte> value, string column)
    {
        try
        {
            return Utf8.GetString(value);
        }
        catch (DecoderFallbackException failure)
        {
            throw new InvalidDataException(
                $"column '{column}' holds bytes that are no text, which cannot be carried: leave it out", failure);
        }
    }
}
