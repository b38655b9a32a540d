using Dino.Gpu.Data.Rows;
using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Formats;

/// <summary>Some consecutive rows of an index: their vectors, and apart from them what is known about each.</summary>
internal abstract class IndexRows
{
    /// <summary>The vectors.</summary>
    public abstract VectorBlock Vectors { get; }

    /// <summary>The CRC-32 of the vectors as they are stored, and their bytes; null where nobody has computed it.</summary>
    public virtual (uint Sum, long Bytes)? StoredSum => null;

    /// <summary>One row, counted from 0. Several threads may call this at once.</summary>
    public abstract RowInfo Row(int index);

    /// <summary>All rows in their order.</summary>
    public abstract IEnumerable<RowInfo> All();
}
