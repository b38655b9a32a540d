using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// State of the emulated driver, and the rules of its calls: a context has to be current, and a fault stays.
/// </summary>
internal static class CudaDriver
{
    public const int Success = 0;
    public const int InvalidValue = 1;
    public const int OutOfMemory = 2;
    public const int DeviceUnavailable = 46;
    public const int NoDevice = 100;
    public const int InvalidContext = 201;
    public const int NoBinary = 209;
    public const int InvalidPtx = 218;
    public const int UnsupportedPtx = 222;
    public const int InvalidHandle = 400;
    public const int NotFound = 500;
    public const int NotReady = 600;
    public const int IllegalAddress = 700;
    public const int LaunchFailed = 719;
    public const int DriverMismatch = 803;

    /// <summary>What a device says it has. What is really there is the host's memory.</summary>
    public const long MemorySize = 16L << 30;

    private static readonly ConcurrentDictionary<nint, object> Objects = new();
    private static readonly ConcurrentDictionary<int, nint> Messages = new();
    private static int _next;

    [ThreadStatic]
    private static CudaContext? _current;

    /// <summary>Options of new contexts.</summary>
    public static EmulatorOptions Options { get; } = new();

    /// <summary>The context of this thread.</summary>
    public static CudaContext? Current => _current;

    public static nint Add(object value)
    {
        nint handle = 0x10000 + (16 * Interlocked.Increment(ref _next));
        Objects[handle] = value;
        return handle;
    }

    public static T? Find<T>(nint handle)
        where T : class => Objects.TryGetValue(handle, out object? value) ? value as T : null;

    public static bool Remove(nint handle) => Objects.TryRemove(handle, out _);

    public static nint CreateContext(int device)
    {
        EmulatedCard card = CudaEmulator.Machine.Card(device);
        _current = new CudaContext(device, card, Options with { MostGroups = card.MostGroups });
        return Add(_current);
    }

    public static int SetCurrent(nint handle)
    {
        CudaContext? context = Find<CudaContext>(handle);
        if (handle != 0 && context is null)
            return InvalidContext;
        _current = context;
        return Success;
    }

    public static int DestroyContext(nint handle)
    {
        if (Find<CudaContext>(handle) is not { } context)
            return InvalidContext;
        context.Synchronize();
        int result = ErrorOf(context);
        context.Dispose();
        Remove(handle);
        return result;
    }

    /// <summary>Runs a call that needs a context. No exception leaves it: native code stands above.</summary>
    public static int Call(Func<CudaContext, int> call)
    {
        if (_current is not { } context)
            return InvalidContext;
        if (context.Fault is not null)
            return ErrorOf(context);
        try
        {
            int result = call(context);
            return context.Fault is null ? result : ErrorOf(context);
        }
        catch (CudaFault fault)
        {
            Messages[InvalidValue] = Marshal.StringToCoTaskMemUTF8(fault.Message);
            return InvalidValue;
        }
        catch (Exception exception)
        {
            Messages[LaunchFailed] = Marshal.StringToCoTaskMemUTF8($"the emulator failed: {exception}");
            return LaunchFailed;
        }
    }

    /// <summary>The text of an error: of a fault, what it was and where.</summary>
    public static nint MessageOf(int error) => Messages.GetOrAdd(error, code => Marshal.StringToCoTaskMemUTF8(code switch
    {
        OutOfMemory => "out of memory",
        DeviceUnavailable => "CUDA-capable device(s) is/are busy or unavailable",
        InvalidContext => "invalid device context",
        NoBinary => "no kernel image is available for execution on the device",
        InvalidPtx => "a PTX JIT compilation failed",
        UnsupportedPtx => "the provided PTX was compiled with an unsupported toolchain.",
        DriverMismatch => "system has unsupported display driver / cuda driver combination",
        _ => $"error {code} of the emulated CUDA driver",
    }));

    private static int ErrorOf(CudaContext context)
    {
        if (context.Fault is not { } fault)
            return Success;
        int code = fault.Kind is FaultKind.OutOfBounds or FaultKind.Misaligned ? IllegalAddress : LaunchFailed;
        Messages[code] = Marshal.StringToCoTaskMemUTF8(fault.Message);
        return code;
    }
}
