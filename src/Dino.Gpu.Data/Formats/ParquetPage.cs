using Kind = Dino.Gpu.Data.Formats.ThriftInput.Kind;

namespace Dino.Gpu.Data.Formats;

/// <summary>The header of a page in a Parquet file.</summary>
/// <param name="Type">What the page is.</param>
/// <param name="Unpacked">Its bytes when they are unpacked.</param>
/// <param name="Packed">Its bytes in the file.</param>
/// <param name="Data">Where those begin.</param>
internal sealed record ParquetPage(ParquetPage.Kinds Type, int Unpacked, int Packed, long Data)
{
    /// <summary>Kinds of pages. The library skips others.</summary>
    public enum Kinds
    {
        Values = 0,
        Index = 1,
        Dictionary = 2,
        ValuesWithLevels = 3,
    }

    /// <summary>Values, missing ones too.</summary>
    public int Values { get; private init; }

    /// <summary>The encoding of the values.</summary>
    public int Encoding { get; private init; }

    /// <summary>The encodings of the levels of definition and repetition, of <see cref="Kinds.Values"/>.</summary>
    public (int Definition, int Repetition) LevelEncodings { get; private init; }

    /// <summary>The bytes of levels that are never packed, of <see cref="Kinds.ValuesWithLevels"/>.</summary>
    public long LevelBytes { get; private init; }

    /// <summary>Whether the values of <see cref="Kinds.ValuesWithLevels"/> are packed.</summary>
    public bool IsPacked { get; private init; }

    /// <summary>Reads the header at a place.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or its bytes are not all there.</exception>
    public static ParquetPage Read(Stream stream, long at)
    {
        var input = new ThriftInput(stream, at, stream.Length);
        int type = -1, unpacked = -1, packed = -1;
        ParquetPage? values = null, dictionary = null, valuesWithLevels = null;
        int id = 0;
        while (input.Field(ref id) is not Kind.Stop and var kind)
        {
            switch (id, kind)
            {
                case (1, Kind.Int):
                    type = input.Int();
                    break;
                case (2, Kind.Int):
                    unpacked = input.Int();
                    break;
                case (3, Kind.Int):
                    packed = input.Int();
                    break;
                case (5, Kind.Structure):
                    values = Details(input, encodingField: 2);
                    break;
                case (7, Kind.Structure):
                    dictionary = Details(input, encodingField: 2);
                    break;
                case (8, Kind.Structure):
                    valuesWithLevels = Details(input, encodingField: 4);
                    break;
                default:
                    input.Skip(kind);
                    break;
            }
        }

        if (type < 0 || unpacked < 0 || packed < 0)
            throw new InvalidDataException("a page has no sizes");
        if (packed > stream.Length - input.Position)
            throw new InvalidDataException($"a page claims {packed} bytes, which are not all there");
        ParquetPage? details = (Kinds)type switch
        {
            Kinds.Values => values,
            Kinds.Dictionary => dictionary,
            Kinds.ValuesWithLevels => valuesWithLevels,
            _ => new ParquetPage(default, 0, 0, 0),
        };
        if (details is null || details.Values < 0)
            throw new InvalidDataException("a page does not say how many values it has");
        return details with { Type = (Kinds)type, Unpacked = unpacked, Packed = packed, Data = input.Position };
    }

    /// <summary>Reads the part that depends on the kind of the page.</summary>
    private static ParquetPage Details(ThriftInput input, int encodingField)
    {
        int values = -1, encoding = -1, definition = -1, repetition = -1;
        long levelBytes = 0;
        bool isPacked = false;
        int id = 0;
        while (input.Field(ref id) is not Kind.Stop and var kind)
        {
            if (id == 1 && kind == Kind.Int)
                values = input.Int();
            else if (id == encodingField && kind == Kind.Int)
                encoding = input.Int();
            else if (encodingField == 2 && id == 3 && kind == Kind.Int)
                definition = input.Int();
            else if (encodingField == 2 && id == 4 && kind == Kind.Int)
                repetition = input.Int();
            else if (encodingField == 4 && id is 5 or 6 && kind == Kind.Int)
                levelBytes += input.Int();
            else if (encodingField == 4 && id == 7 && kind is Kind.True or Kind.False)
                isPacked = kind == Kind.True;
            else
                input.Skip(kind);
        }

        return new ParquetPage(default, 0, 0, 0)
        {
            Values = values,
            Encoding = encoding,
            LevelEncodings = (definition, repetition),
            LevelBytes = levelBytes,
            IsPacked = isPacked,
        };
    }
}
