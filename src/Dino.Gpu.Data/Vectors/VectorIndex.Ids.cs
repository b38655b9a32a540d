using System.Buffers;
using System.Text;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <content>Vectors that are looked for by their id.</content>
public sealed partial class VectorIndex
{
    /// <summary>Whether <see cref="Save()"/> writes into a file.</summary>
    internal bool HasFile => _path is not null;

    /// <summary>Whether there is a vector with an id.</summary>
    /// <exception cref="DinoException">The file cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public bool Contains(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        lock (_writing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return RowsOf(_snapshot, id).Length > 0;
        }
    }

    /// <summary>
    /// Puts a vector in the place of all that have its id. A search finds the old ones, the new one, or for a moment
    /// both.
    /// </summary>
    /// <param name="id">What it is called in results: valid UTF-16 without NUL characters.</param>
    /// <param name="vector">(<see cref="Dimension"/>), of any length; copied.</param>
    /// <returns>How many there were.</returns>
    /// <exception cref="ArgumentException">
    /// Another number of values, one that is not finite, or an id that no file keeps.
    /// </exception>
    /// <exception cref="DinoException">
    /// A value does not fit float16, the file cannot be written, or another process writes to it.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public int Replace(string id, ReadOnlySpan<float> vector)
    {
        CheckId(id);
        lock (_writing)
        {
            int[] old = RowsOf(_snapshot, id);
            Add(new RowInfo { Row = _snapshot.RowCount, Path = id }, vector);
            Leave(old);
            return old.Length;
        }
    }

    /// <summary>
    /// Refuses an id that a file would change, and so make equal to another: UTF-8 has no half of a surrogate pair, and
    /// NumPy's texts end before their last NULs.
    /// </summary>
    private static void CheckId(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        if (id.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException("The id has a NUL character, which not every file keeps.", nameof(id));
        for (ReadOnlySpan<char> rest = id; rest.Length > 0;)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out int length) != OperationStatus.Done)
                throw new ArgumentException("The id has half of a surrogate pair, which no file keeps.", nameof(id));
            rest = rest[length..];
        }
    }

    /// <summary>The rows of an id. Within the lock.</summary>
    private int[] RowsOf(IndexSnapshot now, string id) =>
        Reading(() => Ids(now).Find(id).Where(row => !now.Removed.Contains(row) && now.Row(row).Path == id).ToArray());

    /// <summary>Marks rows as removed. Within the lock.</summary>
    private void Leave(int[] rows)
    {
        if (rows.Length == 0)
            return;
        _unsavedRemovals.AddRange(rows);
        _snapshot = _snapshot with { Removed = _snapshot.Removed.With(rows) };
    }
}
