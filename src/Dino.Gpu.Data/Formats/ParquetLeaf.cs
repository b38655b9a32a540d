using Dino.Gpu.Data.Rows;
using ParquetSharp;

namespace Dino.Gpu.Data.Formats;

/// <summary>A column of values in a Parquet file.</summary>
/// <param name="Index">Its number among all columns of values.</param>
/// <param name="Path">Names from the table's column down: a list has more than one.</param>
/// <param name="Physical">How a value is stored.</param>
/// <param name="Logical">What a value means.</param>
/// <param name="Unit">The unit of a time; unknown for other types.</param>
/// <param name="IsUtc">Whether a date and time is in UTC. Otherwise it has no time zone.</param>
/// <param name="IsUnsigned">Whether an integer has no sign.</param>
/// <param name="Scale">Digits after the point of a decimal.</param>
/// <param name="Length">Bytes of a value of fixed length.</param>
/// <param name="ValueLevel">The definition level of a row, or list element, that has a value.</param>
/// <param name="ListLevels">How many lists are around a value.</param>
/// <param name="IsNullable">Whether the value itself may be missing, not only a list around it.</param>
internal sealed record ParquetLeaf(
    int Index,
    string[] Path,
    PhysicalType Physical,
    LogicalTypeEnum Logical,
    TimeUnit Unit,
    bool IsUtc,
    bool IsUnsigned,
    int Scale,
    int Length,
    int ValueLevel,
    int ListLevels,
    bool IsNullable)
{
    /// <summary>The table's column.</summary>
    public string Name => Path[0];

    /// <summary>Whether it has one value per row.</summary>
    public bool IsFlat => Path.Length == 1 && ListLevels == 0;

    /// <summary>Whether it holds float16.</summary>
    public bool IsHalf => Physical == PhysicalType.FixedLenByteArray && Logical == LogicalTypeEnum.Float16 && Length == 2;

    /// <summary>Whether it holds floating-point numbers.</summary>
    public bool IsFloating => Physical is PhysicalType.Float or PhysicalType.Double || IsHalf;

    /// <summary>Whether values of this type may not fit an integer, or may lose digits as a number.</summary>
    public bool MayLoseDigits => Logical == LogicalTypeEnum.Decimal || (IsUnsigned && Physical == PhysicalType.Int64);

    /// <summary>The type of the carried column; null for what cannot be carried, such as a list.</summary>
    public ColumnType? Type => !IsFlat ? null : (Logical, Physical) switch
    {
        (LogicalTypeEnum.Nil or LogicalTypeEnum.Interval, _) => null,
        (LogicalTypeEnum.Decimal, _) => Scale == 0 ? ColumnType.Integer : ColumnType.Number,
        (LogicalTypeEnum.Date or LogicalTypeEnum.Time or LogicalTypeEnum.Timestamp, _) => ColumnType.Text,
        (_, PhysicalType.Boolean) => ColumnType.Boolean,
        (_, PhysicalType.Int32 or PhysicalType.Int64) => ColumnType.Integer,
        (_, PhysicalType.Float or PhysicalType.Double) => ColumnType.Number,
        (_, PhysicalType.FixedLenByteArray) when IsHalf => ColumnType.Number,
        (_, PhysicalType.ByteArray or PhysicalType.FixedLenByteArray or PhysicalType.Int96) => ColumnType.Text,
        _ => null,
    };

    /// <summary>Reads the description of a column.</summary>
    public static ParquetLeaf Of(ColumnDescriptor column, int index)
    {
        using ParquetSharp.Schema.ColumnPath path = column.Path;
        using ParquetSharp.Schema.Node node = column.SchemaNode;
        using LogicalType logical = column.LogicalType;
        return new ParquetLeaf(
            index,
            path.ToDotVector(),
            column.PhysicalType,
            logical.Type,
            logical switch { TimeLogicalType time => time.TimeUnit, TimestampLogicalType time => time.TimeUnit, _ => TimeUnit.Unknown },
            logical is TimestampLogicalType { IsAdjustedToUtc: true },
            logical is IntLogicalType { IsSigned: false },
            logical is DecimalLogicalType number ? number.Scale : 0,
            column.PhysicalType == PhysicalType.FixedLenByteArray ? column.TypeLength : 0,
            column.MaxDefinitionLevel,
            column.MaxRepetitionLevel,
            node.Repetition == Repetition.Optional);
    }
}
