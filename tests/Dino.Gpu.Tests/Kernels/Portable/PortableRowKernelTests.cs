using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Kernels.Portable;

/// <summary>Softmax and LayerNorm: the kernels that reduce over a row.</summary>
public sealed class PortableRowKernelTests(TestDevices devices) : PortableKernelTest(devices)
{
    public static TheoryData<TestDevice, int, int> Shapes
    {
        get
        {
            var data = new TheoryData<TestDevice, int, int>();
            foreach (TestDevice kind in Enum.GetValues<TestDevice>())
            {
                foreach ((int rows, int columns) in new[] { (1, 1), (1, 7), (7, 197), (197, 7), (5, 385), (3, 4) })
                    data.Add(kind, rows, columns);
                if (kind != TestDevice.IlgpuCpu)
                {
                    data.Add(kind, 197, 384);
                    data.Add(kind, 6 * 197, 197);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Softmax_agrees_with_the_twin(TestDevice device, int rows, int columns)
    {
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] input = Random(rows * columns, 1, 30);
        using MemoryBuffer1D<float, Stride1D.Dense> values = accelerator.Allocate1D(input);
        kernels.Softmax(rows, columns, values.View);
        float[] actual = values.GetAsArray1D();

        // A probability of at most 1, from an exp that is good to a float's rounding.
        Tolerance.AssertClose("softmax", Reference.Softmax(input, rows, columns), actual, 1e-6, columns);
        for (int row = 0; row < rows; row++)
            Assert.Equal(1, actual.AsSpan(row * columns, columns).ToArray().Sum(value => (double)value), 1e-6);
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Softmax_does_not_overflow(TestDevice device)
    {
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] input = [1e30f, 1e30f, -1e30f, 0, 5000, 5001, 4000, -5000];
        using MemoryBuffer1D<float, Stride1D.Dense> values = accelerator.Allocate1D(input);
        kernels.Softmax(2, 4, values.View);
        Tolerance.AssertClose("softmax", Reference.Softmax(input, 2, 4), values.GetAsArray1D(), 1e-6, 4);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void LayerNorm_agrees_with_the_twin(TestDevice device, int rows, int columns)
    {
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] input = Random(rows * columns, 1, 3);
        float[] weight = Random(columns, 2);
        float[] bias = Random(columns, 3);
        float[] actual = Run(kernels, accelerator, input, weight, bias, 1e-6f, rows, columns);
        Tolerance.AssertClose("layer norm", Reference.LayerNorm(input, weight, bias, 1e-6f, rows, columns), actual, 2e-6, columns);
    }

    /// <summary>
    /// A mean far above the spread: E[x^2] - E[x]^2 would have no digits left. The input itself is exact in float.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void LayerNorm_survives_a_large_mean(TestDevice device)
    {
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] input = Array.ConvertAll(RandomIntegers(2 * 384, 1), value => value + 4096);
        float[] weight = Random(384, 2);
        float[] bias = Random(384, 3);
        float[] actual = Run(kernels, accelerator, input, weight, bias, 1e-12f, 2, 384);

        // The mean rounds at 4096 * 2^-24, against a spread of 5.
        Tolerance.AssertClose("layer norm", Reference.LayerNorm(input, weight, bias, 1e-12, 2, 384), actual, 2e-4, 384);
    }

    /// <summary>Class-token rows, packed on the way out, have the bits that they have among all rows.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void LayerNorm_packs_class_token_rows(TestDevice device)
    {
        const int Images = 5;
        const int Tokens = 3;
        const int Columns = 33;
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] input = Random(Images * Tokens * Columns, 1);
        float[] weight = Random(Columns, 2);
        float[] bias = Random(Columns, 3);
        float[] all = Run(kernels, accelerator, input, weight, bias, 1e-6f, Images * Tokens, Columns);
        var shape = new LayerNormShape(Images, Columns, 1e-6f, RowMap.Of(Rows.ClassToken, Tokens), RowMap.Dense);
        float[] packed = Run(kernels, accelerator, input, weight, bias, shape);
        for (int image = 0; image < Images; image++)
            Assert.Equal(all.AsSpan(image * Tokens * Columns, Columns), packed.AsSpan(image * Columns, Columns));
    }

    private static float[] Run(
        PortableKernels kernels, Accelerator accelerator, float[] input, float[] weight, float[] bias,
        float epsilon, int rows, int columns) =>
        Run(kernels, accelerator, input, weight, bias, new LayerNormShape(rows, columns, epsilon, RowMap.Dense, RowMap.Dense));

    private static float[] Run(
        PortableKernels kernels, Accelerator accelerator, float[] input, float[] weight, float[] bias, LayerNormShape shape)
    {
        using MemoryBuffer1D<float, Stride1D.Dense> deviceInput = accelerator.Allocate1D(input);
        using MemoryBuffer1D<float, Stride1D.Dense> deviceWeight = accelerator.Allocate1D(weight);
        using MemoryBuffer1D<float, Stride1D.Dense> deviceBias = accelerator.Allocate1D(bias);
        using MemoryBuffer1D<float, Stride1D.Dense> output = accelerator.Allocate1D<float>(shape.Rows * shape.Columns);
        kernels.LayerNorm(deviceInput.View, deviceWeight.View, deviceBias.View, shape, output.View);
        return output.GetAsArray1D();
    }
}
