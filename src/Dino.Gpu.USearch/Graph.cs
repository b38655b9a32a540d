using System.Runtime.InteropServices;

namespace Dino.Gpu.USearch;

/// <summary>
/// An HNSW graph of USearch: vectors of length 1 under the numbers of their rows. Either it grows or it is read from a
/// file. As many threads as it has places may add at once, or search; others wait.
/// </summary>
internal sealed unsafe class Graph : IDisposable
{
    private readonly GraphHandle _handle;
    private readonly NativeBuffer? _memory; // what it was read from
    private readonly SemaphoreSlim _places;

    private Graph(GraphHandle handle, NativeBuffer? memory, int places)
    {
        _handle = handle;
        _memory = memory;
        _places = new SemaphoreSlim(places);
    }

    /// <summary>Vectors.</summary>
    public long Count => (long)Checked(NativeMethods.Size(_handle, out nint error), error);

    /// <summary>Values of a vector.</summary>
    public long Dimension => (long)Checked(NativeMethods.Dimensions(_handle, out nint error), error);

    /// <summary>A graph without vectors.</summary>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="capacity">Vectors that will be added.</param>
    /// <param name="options">How it is built.</param>
    /// <param name="places">Threads that may use it at once.</param>
    /// <exception cref="DinoException">There is no native library for this machine, or not enough memory.</exception>
    public static Graph Create(int dimension, int capacity, ApproximateIndexOptions options, int places) =>
        Native(() =>
        {
            var native = new NativeMethods.InitOptions
            {
                MetricKind = NativeMethods.Cosine,
                Quantization = options.Precision switch
                {
                    GraphPrecision.Float32 => NativeMethods.Float32,
                    GraphPrecision.Float16 => NativeMethods.Float16,
                    _ => NativeMethods.Int8,
                },
                Dimensions = (nuint)dimension,
                Connectivity = (nuint)options.Connectivity,
                ExpansionAdd = (nuint)options.Expansion,
                ExpansionSearch = 1, // a search looks at as many as are wanted
            };
            Graph graph = Open(native, null, places);
            try
            {
                NativeMethods.Reserve(graph._handle, (nuint)capacity, out nint error);
                Check(error);
                graph.SetPlaces(places); // reserving sets the number of this machine's threads
                return graph;
            }
            catch
            {
                graph.Dispose();
                throw;
            }
        });

    /// <summary>A graph that lies in memory as <see cref="Write"/> gave it. Nothing can be added to it.</summary>
    /// <param name="memory">The bytes, which nobody has changed; disposed with the graph.</param>
    /// <param name="places">Threads that may use it at once.</param>
    /// <exception cref="DinoException">There is no native library for this machine, or not enough memory.</exception>
    /// <exception cref="InvalidDataException">USearch does not read it.</exception>
    public static Graph View(NativeBuffer memory, int places) =>
        Native(() =>
        {
            // The file says what kind of graph it is; these values only have to be some that exist.
            Graph graph = Open(
                new NativeMethods.InitOptions
                {
                    MetricKind = NativeMethods.Cosine,
                    Quantization = NativeMethods.Float32,
                    Dimensions = 1,
                    ExpansionSearch = 1,
                },
                memory,
                places);
            try
            {
                graph.SetPlaces(places);
                NativeMethods.ViewBuffer(graph._handle, memory.Start, (nuint)memory.Length, out nint error);
                return error == 0 ? graph : throw new InvalidDataException($"USearch: {Marshal.PtrToStringUTF8(error)}");
            }
            catch
            {
                graph.Dispose();
                throw;
            }
        });

    /// <summary>Adds a vector.</summary>
    /// <param name="row">Its number.</param>
    /// <param name="vector">(dimension), of length 1 or all zeros.</param>
    public void Add(int row, ReadOnlySpan<float> vector)
    {
        fixed (float* values = vector)
        {
            NativeMethods.Add(_handle, (ulong)row, values, NativeMethods.Float32, out nint error);
            Check(error);
        }
    }

    /// <summary>Finds vectors that are near.</summary>
    /// <param name="query">(dimension), of length 1.</param>
    /// <param name="keys">Filled with the rows of as many.</param>
    /// <param name="distances">(keys)</param>
    /// <param name="cancellation">Ends the wait for a place.</param>
    /// <returns>How many were found.</returns>
    public int Search(ReadOnlySpan<float> query, Span<ulong> keys, Span<float> distances, CancellationToken cancellation)
    {
        _places.Wait(cancellation);
        try
        {
            fixed (float* values = query, found = distances)
            fixed (ulong* rows = keys)
            {
                return (int)Checked(
                    NativeMethods.Search(_handle, values, NativeMethods.Float32, (nuint)keys.Length, rows, found, out nint error), error);
            }
        }
        finally
        {
            _places.Release();
        }
    }

    /// <summary>The bytes of the graph, in USearch's own format.</summary>
    /// <param name="use">Gets them; they are valid only there.</param>
    /// <exception cref="DinoException">There is not enough memory for them.</exception>
    public void Write(Action<NativeBuffer> use)
    {
        if (_memory is not null)
        {
            bool isHeld = false;
            try
            {
                _handle.DangerousAddRef(ref isHeld); // it may be disposed meanwhile
                use(_memory);
            }
            finally
            {
                if (isHeld)
                    _handle.DangerousRelease();
            }

            return;
        }

        using NativeBuffer bytes = Native(
            () => new NativeBuffer((long)Checked(NativeMethods.SerializedLength(_handle, out nint error), error)));
        NativeMethods.SaveBuffer(_handle, bytes.Start, (nuint)bytes.Length, out nint failure);
        Check(failure);
        use(bytes);
    }

    public void Dispose() => _handle.Dispose();

    /// <summary>Runs what loads the native library or takes much memory.</summary>
    /// <exception cref="DinoException">One of them is not there.</exception>
    internal static T Native<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception failure) when (failure is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            throw new DinoException(
                $"the native library of USearch cannot be loaded ({RuntimeInformation.RuntimeIdentifier} found, the package has linux-x64, "
                    + "osx-arm64 and win-x64)",
                OperatingSystem.IsLinux()
                    ? "install libgomp1 and libstdc++6, or search with VectorIndex, which needs no library"
                    : "search with VectorIndex, which needs no library",
                failure);
        }
        catch (OutOfMemoryException failure)
        {
            throw new DinoException("not enough memory for the graph", "build it with GraphPrecision.Int8", failure);
        }
    }

    private static Graph Open(NativeMethods.InitOptions options, NativeBuffer? memory, int places)
    {
        nint graph = NativeMethods.Init(options, out nint error);
        Check(error);
        return new Graph(new GraphHandle(graph, memory), memory, places);
    }

    private static nuint Checked(nuint result, nint error)
    {
        Check(error);
        return result;
    }

    /// <exception cref="DinoException">USearch has failed.</exception>
    private static void Check(nint error)
    {
        if (error == 0)
            return;
        string message = Marshal.PtrToStringUTF8(error) ?? "";
        throw message.StartsWith("Out of memory", StringComparison.Ordinal)
            ? new OutOfMemoryException(message)
            : new DinoException($"USearch: {message}");
    }

    private void SetPlaces(int places)
    {
        NativeMethods.ChangeThreadsAdd(_handle, (nuint)places, out nint error);
        Check(error);
        NativeMethods.ChangeThreadsSearch(_handle, (nuint)places, out error);
        Check(error);
    }
}
