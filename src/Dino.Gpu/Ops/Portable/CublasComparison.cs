using System.Diagnostics;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Ops.Portable;

/// <summary>
/// Compares the time of the portable family's float32 products with cuBLAS, at the shapes of a model.
/// </summary>
internal static class CublasComparison
{
    /// <summary>
    /// The launches of one measurement take about this long, so that the host's cost of one launch does not count.
    /// </summary>
    private const double Seconds = 0.05;

    /// <summary>Measures the shape of each linear layer. Our kernels and cuBLAS take turns.</summary>
    /// <param name="accelerator">The accelerator to measure.</param>
    /// <param name="shape">The model at its input size.</param>
    /// <param name="batch">Images of a pass.</param>
    /// <param name="rounds">The number of measurements; medians are returned.</param>
    /// <param name="cancellation">Checked between measurements.</param>
    /// <returns>Null if the device is not a CUDA device, or cuBLAS is not installed.</returns>
    /// <exception cref="DinoException">The products of our kernels and of cuBLAS differ.</exception>
    public static IReadOnlyList<ProductTimes>? Measure(
        Accelerator accelerator, VitShape shape, int batch, int rounds, CancellationToken cancellation)
    {
        if (accelerator is not CudaAccelerator cuda)
            return null;
        CuBlas library;
        try
        {
            library = new CuBlas(cuda);
        }
        catch (Exception failure) when (
            failure is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException or CuBlasException)
        {
            return null;
        }

        using (library)
        {
            int tokens = batch * shape.TokenCount;
            var kernels = PortableKernels.Create(accelerator);
            return
            [
                Measure("patch embedding", batch * shape.PatchCount, shape.HiddenSize, shape.PatchLength),
                Measure("qkv", tokens, 3 * shape.HiddenSize, shape.HiddenSize),
                Measure("projection", tokens, shape.HiddenSize, shape.HiddenSize),
                Measure("fc1", tokens, shape.Fc1Size, shape.HiddenSize),
                Measure("fc2", tokens, shape.HiddenSize, shape.MlpSize),
            ];

            ProductTimes Measure(string name, int rows, int columns, int depth)
            {
                using var product = new Product(cuda, kernels, library, rows, columns, depth);
                product.Verify(name);
                return product.Measure(name, rounds, cancellation);
            }
        }
    }

    /// <summary>One shape: output (rows, columns) = input (rows, depth) @ weight^T (columns, depth).</summary>
    private sealed class Product : IDisposable
    {
        private readonly CudaAccelerator _accelerator;
        private readonly PortableKernels _kernels;
        private readonly CuBlas _library;
        private readonly GemmShape _shape;
        private readonly MemoryBuffer1D<float, Stride1D.Dense> _input;
        private readonly MemoryBuffer1D<float, Stride1D.Dense> _weight;
        private readonly MemoryBuffer1D<float, Stride1D.Dense> _bias; // zeros
        private readonly MemoryBuffer1D<float, Stride1D.Dense> _output;

        public Product(CudaAccelerator accelerator, PortableKernels kernels, CuBlas library, int rows, int columns, int depth)
        {
            _accelerator = accelerator;
            _kernels = kernels;
            _library = library;
            _shape = new GemmShape(rows, columns, depth, depth, columns, RowMap.Dense);
            _input = accelerator.Allocate1D(Integers((long)rows * depth, 1));
            _weight = accelerator.Allocate1D(Integers((long)columns * depth, 2));
            _bias = accelerator.Allocate1D<float>(columns);
            _bias.MemSetToZero();
            _output = accelerator.Allocate1D<float>((long)rows * columns);
        }

        /// <summary>
        /// Checks that both products are equal. The values are small whole numbers, so every order of summation gives
        /// the same bits.
        /// </summary>
        public void Verify(string name)
        {
            RunOwn();
            float[] own = _output.GetAsArray1D();
            _output.MemSetToZero();
            RunLibrary();
            if (!own.AsSpan().SequenceEqual(_output.GetAsArray1D()))
                throw new DeviceException(
                    $"the product {name} ({_shape.Rows}x{_shape.Columns}x{_shape.Depth}) differs from that of cuBLAS");
        }

        public ProductTimes Measure(string name, int rounds, CancellationToken cancellation)
        {
            int launches = (int)Math.Clamp(Seconds / Time(RunLibrary, 3), 1, 1000);
            var own = new List<double>();
            var library = new List<double>();
            for (int round = 0; round < rounds; round++)
            {
                cancellation.ThrowIfCancellationRequested();
                own.Add(Time(RunOwn, launches));
                library.Add(Time(RunLibrary, launches));
            }

            return new ProductTimes(name, _shape.Rows, _shape.Columns, _shape.Depth, Median(own), Median(library));
        }

        public void Dispose()
        {
            _input.Dispose();
            _weight.Dispose();
            _bias.Dispose();
            _output.Dispose();
        }

        private void RunOwn() => _kernels.Linear<StoreEpilogue>(_input.View, _weight.View, _bias.View, _shape, _output.View);

        /// <summary>
        /// Runs cuBLAS. It stores matrices by column, so it sees every matrix transposed: output^T = weight input^T.
        /// </summary>
        private void RunLibrary() => _library.Gemm(
            CuBlasOperation.Transpose,
            CuBlasOperation.NonTranspose,
            _shape.Columns,
            _shape.Rows,
            _shape.Depth,
            1f,
            _weight.View,
            _shape.Depth,
            _input.View,
            _shape.Depth,
            0f,
            _output.View,
            _shape.Columns);

        private double Time(Action run, int launches)
        {
            _accelerator.Synchronize();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < launches; i++)
                run();
            _accelerator.Synchronize();
            return Stopwatch.GetElapsedTime(start).TotalSeconds / launches;
        }

        private static double Median(List<double> values)
        {
            values.Sort();
            return values.Count % 2 == 1 ? values[values.Count / 2] : (values[values.Count / 2 - 1] + values[values.Count / 2]) / 2;
        }

        private static float[] Integers(long count, int seed)
        {
            var random = new Random(seed);
            float[] values = new float[count];
            for (long i = 0; i < count; i++)
                values[i] = random.Next(-3, 4);
            return values;
        }
    }
}
