using System.Buffers.Binary;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>
/// One matrix product on tensor cores: the memory that a kernel is given, and what has to be there afterwards, in double
/// precision. Who runs the kernel does not matter.
/// </summary>
internal sealed class TensorProductCase
{
    /// <summary>Where the input is in <see cref="Memory"/>.</summary>
    public const int InputStart = 4096;

    private readonly RowMap _map;
    private readonly Type _format;
    private readonly int _rows, _columns, _depth, _pair, _outputStride, _bufferRows, _elementSize;
    private readonly bool _isGelu, _isGated, _hasGains, _adds, _stores16, _rounds;
    private readonly double[] _input, _weight;
    private readonly float[] _bias, _previous;

    /// <param name="rows">M</param>
    /// <param name="columns">N, rounded up to what the epilogue takes.</param>
    /// <param name="depth">K</param>
    /// <param name="map">The rows that are used.</param>
    /// <param name="format">The type of the format, such as <see cref="BFloat16Format"/>.</param>
    /// <param name="epilogue">The open generic type of the epilogue, such as <see cref="StoreEpilogue{TFormat}"/>.</param>
    public TensorProductCase(int rows, int columns, int depth, RowMap map, Type format, Type epilogue)
    {
        var random = new Random(rows + columns + depth);
        (_rows, _depth, _map, _format) = (rows, depth, map, format);
        _elementSize = format == typeof(TensorFloat32Format) ? 4 : 2;
        _isGelu = epilogue == typeof(Dino.Gpu.Kernels.TensorCore.GeluEpilogue<>);
        _isGated = epilogue == typeof(Dino.Gpu.Kernels.TensorCore.GatedEpilogue<>);
        _hasGains = epilogue == typeof(AddScaledEpilogue<>);
        _adds = _hasGains || epilogue == typeof(Dino.Gpu.Kernels.TensorCore.AddEpilogue<>);
        _stores16 = _elementSize == 2 && epilogue != typeof(StoreFloatEpilogue<>) && !_adds;
        _rounds = _stores16
            || (format == typeof(TensorFloat32Format) && (epilogue == typeof(StoreEpilogue<>) || _isGelu || _isGated));
        _pair = _isGated ? 2 : 1; // columns of the product that make one value
        _columns = (columns + 8 * _pair - 1) / (8 * _pair) * (8 * _pair);
        _bufferRows = map.BufferRow(rows - 1) + 1;
        _outputStride = _columns / _pair + 8;
        _input = Random(random, _bufferRows * depth, format);
        _weight = Random(random, _columns * depth, format);
        _bias = [.. Enumerable.Range(0, _hasGains ? 2 * _columns : _columns).Select(_ => random.NextSingle() - 0.5f)];
        _previous = [.. Enumerable.Range(0, _bufferRows * _outputStride).Select(_ => random.NextSingle() - 0.5f)];
        WeightStart = Align(InputStart + _input.Length * _elementSize);
        BiasStart = Align(WeightStart + _weight.Length * _elementSize);
        OutputStart = Align(BiasStart + 4 * _bias.Length);
    }

    /// <summary>Where the weight is in <see cref="Memory"/>.</summary>
    public int WeightStart { get; }

    /// <summary>Where the bias is in <see cref="Memory"/>.</summary>
    public int BiasStart { get; }

    /// <summary>Where the output is in <see cref="Memory"/>.</summary>
    public int OutputStart { get; }

    /// <summary>The kernel's argument.</summary>
    public TensorGemmShape Shape => new(_rows, _columns, _depth * _elementSize, _pair * _outputStride, _map);

    /// <summary>Input, weight, bias and what the output holds before, each at its place; whole words.</summary>
    public byte[] Memory()
    {
        byte[] memory = new byte[Align(OutputStart + _bufferRows * _outputStride * (_stores16 ? 2 : 4))];
        Array.Fill(memory, (byte)0xff);
        Store(memory, InputStart, _input, _format);
        Store(memory, WeightStart, _weight, _format);
        Store(memory, BiasStart, [.. _bias.Select(value => (double)value)], null);
        if (!_stores16)
            Store(memory, OutputStart, [.. _previous.Select(value => (double)value)], null);
        return memory;
    }

    /// <summary>
    /// Checks each value: half a unit of the output format's last place is allowed, and what float32 sums may be off. What was not
    /// asked for has to be as it was.
    /// </summary>
    public void Verify(byte[] memory)
    {
        bool[] written = new bool[_previous.Length];
        double ulp = !_rounds ? 0 : _format == typeof(BFloat16Format) ? 1.0 / 256 : 1.0 / 2048;
        for (int row = 0; row < _rows; row++)
        {
            int bufferRow = _map.BufferRow(row);
            for (int column = 0; column < _columns / _pair; column++)
            {
                (double sum, double size) = Sum(bufferRow, column * _pair);
                (double up, double upSize) = _isGated ? Sum(bufferRow, column * _pair + 1) : default;
                int index = bufferRow * _outputStride + column;
                written[index] = true;
                double expected = _isGelu ? 0.5 * sum * (1 + Reference.Erf(sum / Math.Sqrt(2)))
                    : _isGated ? Reference.Silu(sum) * up
                    : _adds ? _previous[index] + sum * (_hasGains ? _bias[_columns + column] : 1)
                    : sum;
                double actual = Read(memory, OutputStart, index, _stores16 ? _format : null);
                double limit = Math.Abs(expected) * ulp * 1.001 + 1e-6 * (1 + size) * (1 + upSize);
                Assert.True(
                    Math.Abs(actual - expected) <= limit,
                    $"[{row}, {column}] of ({_rows}, {_columns}, {_depth}): expected {expected:G9}, got {actual:G9}");
            }
        }

        for (int i = 0; i < written.Length; i++)
        {
            Assert.True(
                written[i] || (_stores16
                    ? BitConverter.ToUInt16(memory, OutputStart + 2 * i) == 0xffff
                    : Read(memory, OutputStart, i, null) == _previous[i]),
                $"value {i} was not asked for");
        }
    }

    private (double Sum, double Size) Sum(int bufferRow, int column)
    {
        double sum = _bias[column];
        double size = Math.Abs(sum);
        for (int k = 0; k < _depth; k++)
        {
            double product = _input[bufferRow * _depth + k] * _weight[column * _depth + k];
            sum += product;
            size += Math.Abs(product);
        }

        return (sum, size);
    }

    private static int Align(int address) => (address + 255) / 256 * 256;

    /// <summary>Values that the format holds exactly, so that only sums and outputs round.</summary>
    private static double[] Random(Random random, int count, Type format) =>
        [.. Enumerable.Range(0, count).Select(_ => Decode(Encode(random.NextSingle() * 2 - 1, format), format))];

    private static uint Encode(float value, Type? format) =>
        format == typeof(BFloat16Format) ? BFloat16Format.Round(value)
        : format == typeof(Float16Format) ? BitConverter.HalfToUInt16Bits((System.Half)value)
        : format == typeof(TensorFloat32Format) ? TensorFloat32Format.Round(value)
        : BitConverter.SingleToUInt32Bits(value);

    private static double Decode(uint bits, Type? format) =>
        format == typeof(BFloat16Format) ? BitConverter.UInt32BitsToSingle(bits << 16)
        : format == typeof(Float16Format) ? (double)BitConverter.UInt16BitsToHalf((ushort)bits)
        : BitConverter.UInt32BitsToSingle(bits);

    private static void Store(byte[] memory, int start, double[] values, Type? format)
    {
        int size = format == typeof(BFloat16Format) || format == typeof(Float16Format) ? 2 : 4;
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = Encode((float)values[i], format);
            if (size == 2)
                BinaryPrimitives.WriteUInt16LittleEndian(memory.AsSpan(start + 2 * i), (ushort)bits);
            else
                BinaryPrimitives.WriteUInt32LittleEndian(memory.AsSpan(start + 4 * i), bits);
        }
    }

    private static double Read(byte[] memory, int start, int index, Type? format) => format == null
        ? BitConverter.ToSingle(memory, start + 4 * index)
        : Decode(BitConverter.ToUInt16(memory, start + 2 * index), format);
}
