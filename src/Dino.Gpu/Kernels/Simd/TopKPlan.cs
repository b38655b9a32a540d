namespace Dino.Gpu.Kernels.Simd;

/// <summary>The work of one launch of <see cref="TopK"/>. Plain values: a kernel takes it as a parameter.</summary>
internal readonly struct TopKPlan
{
    /// <summary>
    /// Columns of a section. Its packed vectors stay in the second-level cache while all queries are multiplied with
    /// them, as in <see cref="Gemm"/>.
    /// </summary>
    public const int SectionColumns = 192;

    public TopKPlan(int queryCount, int vectorCount, int dimension, int keep, int capacity, int threads)
    {
        QueryCount = queryCount;
        VectorCount = vectorCount;
        Dimension = dimension;
        Keep = keep;
        Capacity = capacity;
        Threads = threads;
    }

    public int QueryCount { get; }

    public int VectorCount { get; }

    public int Dimension { get; }

    /// <summary>The number of best vectors that a thread's list never drops.</summary>
    public int Keep { get; }

    /// <summary>Entries of a list; a full one is cut down to <see cref="Keep"/>.</summary>
    public int Capacity { get; }

    /// <summary>Groups of the launch, one thread each.</summary>
    public int Threads { get; }

    /// <summary>Sections of the vectors. The last may be shorter.</summary>
    public int SectionCount => (VectorCount + SectionColumns - 1) / SectionColumns;

    /// <summary>Floats of a packed section.</summary>
    public long SectionLength => (long)SectionColumns * Dimension;

    /// <summary>Panels of <paramref name="width"/> columns in a section.</summary>
    public int Panels(int section, int width) => (Math.Min(SectionColumns, VectorCount - section * SectionColumns) + width - 1) / width;
}
