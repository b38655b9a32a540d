using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// The memory that the contents of a file may take: 20 times its length plus 64 MiB. A small file can claim or unpack
/// to any size, so readers count what they keep.
/// </summary>
/// <param name="fileLength">Bytes of the file.</param>
/// <param name="free">What contents may take whatever the length.</param>
internal sealed class MemoryBudget(long fileLength, long free = MemoryBudget.Free)
{
    /// <summary>
    /// What rows that stay in memory may take whatever the length: a process takes the rest of the 64 MiB by itself.
    /// </summary>
    public const long FreeOfRows = 16 << 20;

    private const long Free = 64 << 20;
    private const long PerByte = 20;

    // Sizes of .NET objects: a row with its lists, a reference, a text without its characters.
    private const int RowBytes = 130;
    private const int CellBytes = 8;
    private const int TextBytes = 24;

    private long _taken;

    /// <summary>Bytes of the whole budget.</summary>
    public long Most => free + PerByte * fileLength;

    /// <summary>Takes the memory of a row.</summary>
    /// <exception cref="InvalidDataException">It is more than what is left.</exception>
    public void TakeRow(RowInfo row, int values)
    {
        long bytes = RowBytes + TextOf(row.Path) + TextOf(row.Sha256) + TextOf(row.Error)
            + (row.Error is null ? sizeof(float) * (long)values : 0);
        foreach (object? cell in row.Columns)
            bytes += CellBytes + (cell is null ? 0 : TextOf(cell as string ?? ""));
        Take(bytes);
    }

    /// <summary>Takes memory that is not given back.</summary>
    /// <exception cref="InvalidDataException">It is more than what is left.</exception>
    public void Take(long bytes)
    {
        Require(_taken + bytes);
        _taken += bytes;
    }

    /// <summary>Gives back memory that was taken.</summary>
    public void Give(long bytes) => _taken -= bytes;

    /// <summary>Takes the cells of a table.</summary>
    /// <exception cref="InvalidDataException">They are more than what is left.</exception>
    public void TakeCells(long rows, int columns) =>
        Take(rows > long.MaxValue / 2 / CellBytes / Math.Max(1, columns) ? long.MaxValue / 2 : CellBytes * rows * columns);

    /// <summary>Fails if this much is more than the whole budget.</summary>
    /// <exception cref="InvalidDataException">It is more.</exception>
    public void Require(long bytes)
    {
        if (bytes > Most)
            throw new InvalidDataException($"its contents take more than {Most >> 20} MiB of memory (the file has {fileLength} bytes)");
    }

    private static long TextOf(string? text) => text is null ? 0 : TextBytes + sizeof(char) * text.Length;
}
