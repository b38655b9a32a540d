using System.Runtime.InteropServices;

namespace Dino.Gpu.USearch;

/// <summary>
/// The C interface of USearch 2 (<c>c/usearch.h</c>). A call that fails leaves a text in <c>error</c>, which is a
/// constant of the library.
/// </summary>
internal static unsafe partial class NativeMethods
{
    /// <summary>Cosine distance (<c>usearch_metric_cos_k</c>).</summary>
    public const int Cosine = 1;

    /// <summary>Type of the vectors that are given (<c>usearch_scalar_f32_k</c>).</summary>
    public const int Float32 = 1;

    /// <inheritdoc cref="Float32"/>
    public const int Float16 = 3;

    /// <inheritdoc cref="Float32"/>
    public const int Int8 = 4;

    private const string Library = "libusearch_c";

    /// <summary><c>usearch_init_options_t</c></summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct InitOptions
    {
        public int MetricKind;
        public nint Metric;
        public int Quantization;
        public nuint Dimensions;
        public nuint Connectivity;
        public nuint ExpansionAdd;
        public nuint ExpansionSearch;
        public byte Multi;
    }

    [LibraryImport(Library, EntryPoint = "usearch_init")]
    public static partial nint Init(in InitOptions options, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_free")]
    public static partial void Free(nint index, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_size")]
    public static partial nuint Size(GraphHandle index, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_dimensions")]
    public static partial nuint Dimensions(GraphHandle index, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_reserve")]
    public static partial void Reserve(GraphHandle index, nuint capacity, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_change_threads_add")]
    public static partial void ChangeThreadsAdd(GraphHandle index, nuint threads, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_change_threads_search")]
    public static partial void ChangeThreadsSearch(GraphHandle index, nuint threads, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_add")]
    public static partial void Add(GraphHandle index, ulong key, float* vector, int kind, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_search")]
    public static partial nuint Search(
        GraphHandle index, float* query, int kind, nuint count, ulong* keys, float* distances, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_serialized_length")]
    public static partial nuint SerializedLength(GraphHandle index, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_save_buffer")]
    public static partial void SaveBuffer(GraphHandle index, byte* buffer, nuint length, out nint error);

    [LibraryImport(Library, EntryPoint = "usearch_view_buffer")]
    public static partial void ViewBuffer(GraphHandle index, byte* buffer, nuint length, out nint error);
}
