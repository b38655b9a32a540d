using System.Runtime.InteropServices;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Kernels.Warpgroup;
using Dino.Gpu.Ops.Portable;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using static Dino.Gpu.Ops.Device.LaunchGrid;

namespace Dino.Gpu.Ops.TensorCore;

/// <summary>
/// The products with wgmma, on a CUDA device of compute capability 9.0. ILGPU has no part in them but its binding to the
/// driver, which loads a module for each at its first use.
/// </summary>
internal sealed class WarpgroupProducts : IDisposable
{
    /// <summary>
    /// A variable of the environment that leaves them out where it is 1: for a card on which they fail in a way that
    /// nothing after it survives.
    /// </summary>
    internal const string Switch = "DINO_WITHOUT_WGMMA";

    private readonly CudaAccelerator _accelerator;
    private readonly Precision _precision;
    private readonly Dictionary<string, nint> _functions = [];
    private readonly List<nint> _modules = [];

    private WarpgroupProducts(CudaAccelerator accelerator, Precision precision)
    {
        _accelerator = accelerator;
        _precision = precision;
    }

    /// <summary>
    /// Opens the products of a device, if it has them: 9.0 alone, since no other architecture has these instructions. A
    /// product of each tile is computed before others are trusted.
    /// </summary>
    /// <param name="device">The device; the caller owns it, and disposes it later.</param>
    /// <param name="precision">Of both inputs.</param>
    /// <param name="refused">Receives the reason if the device should have them and does not run them.</param>
    /// <exception cref="DeviceException">A kernel failed, and the device with it; or <see cref="Switch"/> is neither 0 nor 1.</exception>
    public static WarpgroupProducts? TryOpen(DinoDevice device, Precision precision, Action<string>? refused) =>
        TryOpen(device, precision, refused, Environment.GetEnvironmentVariable(Switch));

    /// <summary>As above, with a value of <see cref="Switch"/>.</summary>
    internal static WarpgroupProducts? TryOpen(DinoDevice device, Precision precision, Action<string>? refused, string? switched)
    {
        if (device.Accelerator is not CudaAccelerator { Architecture: { Major: 9, Minor: 0 } } cuda || IsOff(switched))
            return null;
        var products = new WarpgroupProducts(cuda, precision);
        try
        {
            foreach (WarpgroupTile tile in WarpgroupTile.All)
                WarpgroupTrial.Run(products, cuda, tile, precision);
            return products;
        }
        catch (Exception exception) when (exception is AcceleratorException or DinoException)
        {
            string reason = DeviceFailure.Of(exception).Reason;
            products.Dispose();
            if (DinoDevice.IsLost(cuda))
            {
                throw new DeviceException(
                    $"{device.Info.Id} ({device.Info.Name}) fails with wgmma: {reason}",
                    $"set {Switch}=1 to compute without it",
                    exception);
            }

            refused?.Invoke(reason);
            return null;
        }
    }

    /// <summary>
    /// Launches output = epilogue(input @ weight^T + bias) on the default stream. All arguments are global addresses; see
    /// <see cref="Kernels.TensorCore.Gemm"/>.
    /// </summary>
    public void Launch(ProductEpilogue epilogue, long input, long weight, long bias, TensorGemmShape shape, long output) => Launch(
        TileChoice.Choose(shape.Rows, shape.Columns, shape.RowBytes, _accelerator.NumMultiprocessors),
        epilogue, input, weight, bias, shape, output);

    /// <summary>The same with a given tile. All tiles sum over k in the same order, so the bytes do not depend on it.</summary>
    public void Launch(
        WarpgroupTile tile, ProductEpilogue epilogue, long input, long weight, long bias, TensorGemmShape shape, long output)
    {
        var kernel = new ProductKernel(tile, _precision, epilogue);
        Index3D grid = Of(_accelerator, CeilingDivide(shape.Columns, tile.Columns), CeilingDivide(shape.Rows, tile.Rows));
        var arguments = new Arguments(input, weight, bias, shape, output);
        Launch(kernel.Name, () => ProductText.Of(kernel), grid, tile.Threads, tile.SharedBytes, arguments);
    }

    /// <summary>Launches groups of <see cref="PeakText"/>.</summary>
    public void Peak(int groups, int slices) => Launch(
        PeakText.NameOf(_precision), () => PeakText.Of(_precision), new Index3D(groups, 1, 1), PeakText.Threads, PeakText.SharedBytes,
        slices);

    /// <summary>
    /// Unloads the modules. A device on which a kernel failed refuses this too, which is not told again.
    /// </summary>
    public void Dispose()
    {
        ScopedAcceleratorBinding binding = _accelerator.BindScoped();
        foreach (nint module in _modules)
            _ = CudaAPI.CurrentAPI.DestroyModule(module);
        binding.Recover();
        _modules.Clear();
        _functions.Clear();
    }

    private static bool IsOff(string? value) => value switch
    {
        null or "" or "0" => false,
        "1" => true,
        var other => throw new DeviceException($"the variable {Switch} is '{other}' (expected 0 or 1)"),
    };

    private unsafe void Launch<T>(string name, Func<string> text, Index3D grid, int threads, int sharedBytes, T arguments)
        where T : unmanaged
    {
        const nint ArgumentBuffer = 1, ArgumentSize = 2, End = 0; // CU_LAUNCH_PARAM_...
        nint size = sizeof(T);
        nint* extra = stackalloc nint[] { ArgumentBuffer, (nint)(&arguments), ArgumentSize, (nint)(&size), End };
        var stream = (CudaStream)_accelerator.DefaultStream;
        ScopedAcceleratorBinding binding = stream.BindScoped();
        try
        {
            if (!_functions.TryGetValue(name, out nint function))
            {
                function = Load(name, text(), sharedBytes);
                _functions.Add(name, function);
            }

            CudaException.ThrowIfFailed(CudaAPI.CurrentAPI.LaunchKernel(
                function, grid.X, grid.Y, grid.Z, threads, 1, 1, sharedBytes, stream.StreamPtr, 0, (nint)extra));
        }
        finally
        {
            binding.Recover();
        }
    }

    private nint Load(string name, string text, int sharedBytes)
    {
        CudaAPI driver = CudaAPI.CurrentAPI;
        CudaError error = driver.LoadModule(out nint module, text, out string? log);
        ModuleLog.Keep(log);
        CudaException.ThrowIfFailed(error);
        _modules.Add(module);
        CudaException.ThrowIfFailed(driver.GetModuleFunction(out nint function, module, name));
        CudaException.ThrowIfFailed((CudaError)NativeLibraries.AllowSharedMemory(function, sharedBytes));
        return function;
    }

    /// <summary>The parameters as the PTX ABI lays them out: each at a multiple of its alignment.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Arguments(long input, long weight, long bias, TensorGemmShape shape, long output)
    {
        private readonly long _input = input, _weight = weight, _bias = bias;
        private readonly TensorGemmShape _shape = shape;
        private readonly long _output = output;
    }
}
