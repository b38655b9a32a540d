using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using static Dino.Gpu.Tests.Cuda.CudaDriver;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>The functions of <c>libcuda.so.1</c> that ILGPU calls.</summary>
internal static unsafe class CudaFunctions
{
    /// <summary>Their names, and where they are.</summary>
    public static (string Name, nint Handler)[] Table { get; } =
    [
        ("cuInit", (nint)(delegate* unmanaged<int, int>)&Init),
        ("cuDriverGetVersion", (nint)(delegate* unmanaged<int*, int>)&DriverGetVersion),
        ("cuGetErrorString", (nint)(delegate* unmanaged<int, nint*, int>)&GetErrorString),
        ("cuDeviceGetCount", (nint)(delegate* unmanaged<int*, int>)&DeviceGetCount),
        ("cuDeviceGet", (nint)(delegate* unmanaged<int*, int, int>)&DeviceGet),
        ("cuDeviceGetName", (nint)(delegate* unmanaged<byte*, int, int, int>)&DeviceGetName),
        ("cuDeviceTotalMem_v2", (nint)(delegate* unmanaged<long*, int, int>)&DeviceTotalMemory),
        ("cuDeviceGetAttribute", (nint)(delegate* unmanaged<int*, int, int, int>)&DeviceGetAttribute),
        ("cuDeviceCanAccessPeer", (nint)(delegate* unmanaged<int*, int, int, int>)&DeviceCanAccessPeer),
        ("cuCtxCreate_v2", (nint)(delegate* unmanaged<nint*, int, int, int>)&ContextCreate),
        ("cuCtxDestroy_v2", (nint)(delegate* unmanaged<nint, int>)&ContextDestroy),
        ("cuCtxSetCurrent", (nint)(delegate* unmanaged<nint, int>)&ContextSetCurrent),
        ("cuCtxSynchronize", (nint)(delegate* unmanaged<int>)&ContextSynchronize),
        ("cuCtxGetCacheConfig", (nint)(delegate* unmanaged<int*, int>)&ContextGetConfig),
        ("cuCtxGetSharedMemConfig", (nint)(delegate* unmanaged<int*, int>)&ContextGetConfig),
        ("cuMemGetInfo_v2", (nint)(delegate* unmanaged<long*, long*, int>)&MemoryGetInfo),
        ("cuMemAlloc_v2", (nint)(delegate* unmanaged<nint*, long, int>)&MemoryAllocate),
        ("cuMemFree_v2", (nint)(delegate* unmanaged<nint, int>)&MemoryFree),
        ("cuMemcpyAsync", (nint)(delegate* unmanaged<nint, nint, long, nint, int>)&MemoryCopy),
        ("cuMemsetD8Async", (nint)(delegate* unmanaged<nint, byte, long, nint, int>)&MemorySet),
        ("cuMemHostRegister_v2", (nint)(delegate* unmanaged<nint, long, int, int>)&HostRegister),
        ("cuMemHostUnregister", (nint)(delegate* unmanaged<nint, int>)&HostUnregister),
        ("cuStreamCreate", (nint)(delegate* unmanaged<nint*, int, int>)&StreamCreate),
        ("cuStreamDestroy_v2", (nint)(delegate* unmanaged<nint, int>)&StreamDestroy),
        ("cuStreamSynchronize", (nint)(delegate* unmanaged<nint, int>)&StreamSynchronize),
        ("cuModuleLoadData", (nint)(delegate* unmanaged<nint*, byte*, int>)&ModuleLoad),
        ("cuModuleLoadDataEx", (nint)(delegate* unmanaged<nint*, byte*, int, int*, nint*, int>)&ModuleLoadWithOptions),
        ("cuModuleUnload", (nint)(delegate* unmanaged<nint, int>)&ModuleUnload),
        ("cuModuleGetFunction", (nint)(delegate* unmanaged<nint*, nint, byte*, int>)&ModuleGetFunction),
        ("cuFuncSetAttribute", (nint)(delegate* unmanaged<nint, int, int, int>)&FunctionSetAttribute),
        ("cuLaunchKernel", (nint)(delegate* unmanaged<nint, int, int, int, int, int, int, int, nint, nint, nint*, int>)&LaunchKernel),
        ("cuOccupancyMaxActiveBlocksPerMultiprocessor", (nint)(delegate* unmanaged<int*, nint, int, long, int>)&OccupancyBlocks),
        ("cuOccupancyMaxPotentialBlockSize", (nint)(delegate* unmanaged<int*, int*, nint, nint, long, int, int>)&OccupancyBlockSize),
        ("cuEventCreate", (nint)(delegate* unmanaged<nint*, int, int>)&EventCreate),
        ("cuEventDestroy_v2", (nint)(delegate* unmanaged<nint, int>)&EventDestroy),
        ("cuEventQuery", (nint)(delegate* unmanaged<nint, int>)&EventQuery),
        ("cuEventRecord", (nint)(delegate* unmanaged<nint, nint, int>)&EventRecord),
        ("cuEventSynchronize", (nint)(delegate* unmanaged<nint, int>)&EventSynchronize),
        ("cuEventElapsedTime", (nint)(delegate* unmanaged<float*, nint, nint, int>)&EventElapsedTime),
    ];

    [UnmanagedCallersOnly]
    private static int Init(int flags) => CudaEmulator.Machine.InitError;

    [UnmanagedCallersOnly]
    private static int DriverGetVersion(int* version)
    {
        *version = CudaEmulator.Machine.DriverVersion;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int GetErrorString(int error, nint* text)
    {
        *text = MessageOf(error);
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int DeviceGetCount(int* count)
    {
        *count = CudaEmulator.Machine.Cards.Count;
        return *count > 0 ? Success : NoDevice;
    }

    [UnmanagedCallersOnly]
    private static int DeviceGet(int* device, int ordinal)
    {
        *device = ordinal;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int DeviceGetName(byte* name, int length, int device)
    {
        string shown = CudaEmulator.Machine.Card(device).Name ?? $"emulated CUDA device {device}";
        byte[] text = Encoding.ASCII.GetBytes($"{shown}\0");
        text.CopyTo(new Span<byte>(name, length));
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int DeviceTotalMemory(long* size, int device)
    {
        *size = MemorySize;
        return CudaEmulator.Machine.Card(device).QueryError;
    }

    /// <summary>Those of an H100, as the header of the driver numbers them.</summary>
    [UnmanagedCallersOnly]
    private static int DeviceGetAttribute(int* value, int attribute, int device)
    {
        EmulatedCard card = CudaEmulator.Machine.Card(device);
        *value = attribute switch
        {
            1 or 2 or 3 => 1024, // threads of a group; along x, y
            4 => 64, // along z
            5 => int.MaxValue, // groups along x
            6 or 7 => card.MostGroups, // along y, z
            8 => 48 << 10, // shared memory of a group
            9 => 64 << 10, // constant memory
            10 => Warp.Size,
            11 => int.MaxValue, // pitch
            12 or 82 => 65536, // registers of a group, of a multiprocessor
            13 => 1_980_000, // clock in kHz
            16 => card.Multiprocessors,
            19 => 1, // maps host memory
            33 => device, // PCI bus: devices of the same place count as one
            38 => 50 << 20, // second cache
            39 => 2048, // threads of a multiprocessor
            40 => 3, // copy engines
            75 => card.Capability.Major,
            76 => card.Capability.Minor,
            81 => 228 << 10, // shared memory of a multiprocessor
            97 => Launch.MostShared, // shared memory of a group that asks for it
            91 => 1, // host pointers of registered memory
            _ => 0,
        };
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int DeviceCanAccessPeer(int* can, int device, int other)
    {
        *can = 0;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int ContextCreate(nint* context, int flags, int device)
    {
        int error = CudaEmulator.Machine.Card(device).ContextError;
        if (error == Success)
            *context = CreateContext(device);
        return error;
    }

    [UnmanagedCallersOnly]
    private static int ContextDestroy(nint context) => DestroyContext(context);

    [UnmanagedCallersOnly]
    private static int ContextSetCurrent(nint context) => SetCurrent(context);

    [UnmanagedCallersOnly]
    private static int ContextSynchronize() => Call(context =>
    {
        context.Synchronize();
        return Success;
    });

    [UnmanagedCallersOnly]
    private static int ContextGetConfig(int* config)
    {
        *config = 1;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int MemoryGetInfo(long* free, long* total) => Call(context =>
    {
        *free = MemorySize - context.Memory.Used;
        *total = MemorySize;
        return Success;
    });

    [UnmanagedCallersOnly]
    private static int MemoryAllocate(nint* address, long size) => Call(context =>
    {
        if (size <= 0)
            return InvalidValue;
        if (context.Memory.Used + size > context.MemoryLimit)
            return OutOfMemory;
        *address = (nint)context.Memory.Allocate(size).Start;
        return Success;
    });

    [UnmanagedCallersOnly]
    private static int MemoryFree(nint address) => Call(context => address == 0 || context.Free(address) ? Success : InvalidValue);

    [UnmanagedCallersOnly]
    private static int MemoryCopy(nint target, nint source, long length, nint stream) =>
        Call(context => context.Copy(target, source, length, stream) ? Success : InvalidHandle);

    [UnmanagedCallersOnly]
    private static int MemorySet(nint target, byte value, long length, nint stream) =>
        Call(context => context.Set(target, value, length, stream) ? Success : InvalidHandle);

    [UnmanagedCallersOnly]
    private static int HostRegister(nint start, long length, int flags) =>
        Call(context => context.Pin(start, length) ? Success : InvalidValue);

    [UnmanagedCallersOnly]
    private static int HostUnregister(nint start) => Call(context => context.Unpin(start) ? Success : InvalidValue);

    [UnmanagedCallersOnly]
    private static int StreamCreate(nint* stream, int flags) => Call(context =>
    {
        *stream = context.CreateStream(blocking: (flags & 1) == 0);
        return Success;
    });

    [UnmanagedCallersOnly]
    private static int StreamDestroy(nint stream) => Call(context => context.DestroyStream(stream) ? Success : InvalidHandle);

    [UnmanagedCallersOnly]
    private static int StreamSynchronize(nint stream) => Call(context => context.Synchronize(stream) ? Success : InvalidHandle);

    [UnmanagedCallersOnly]
    private static int ModuleLoad(nint* module, byte* text) => LoadModule(module, text, 0, null, null);

    [UnmanagedCallersOnly]
    private static int ModuleLoadWithOptions(nint* module, byte* text, int count, int* options, nint* values) =>
        LoadModule(module, text, count, options, values);

    private static int LoadModule(nint* module, byte* text, int count, int* options, nint* values) => Call(context =>
    {
        int error = InvalidPtx;
        string log;
        try
        {
            var program = new PtxProgram(Marshal.PtrToStringUTF8((nint)text)!);
            if (context.Card.ComplaintAbout(program.Target) is { } complaint)
                log = complaint;
            else if (context.Card.ModuleError == Success || context.Modules.Count < context.Card.ModulesBefore)
            {
                *module = Add(new PtxKernel(program));
                context.Modules.Add(program);
                return Success;
            }
            else
                (error, log) = (context.Card.ModuleError, context.Card.ModuleLog);
        }
        catch (Exception exception) when (exception is not CudaFault)
        {
            log = exception.Message;
            Console.Error.WriteLine($"emulated CUDA device: {log}");
        }

        // 5 and 6: where messages go, and how much fits.
        int place = new ReadOnlySpan<int>(options, count).IndexOf(5);
        int size = new ReadOnlySpan<int>(options, count).IndexOf(6);
        if (place >= 0 && size >= 0)
        {
            byte[] message = Encoding.ASCII.GetBytes(log);
            var target = new Span<byte>((void*)values[place], (int)values[size]);
            target.Clear();
            message.AsSpan(0, Math.Min(message.Length, target.Length - 1)).CopyTo(target);
        }

        return error;
    });

    [UnmanagedCallersOnly]
    private static int ModuleUnload(nint module) => Call(_ => Remove(module) ? Success : InvalidHandle);

    [UnmanagedCallersOnly]
    private static int ModuleGetFunction(nint* function, nint module, byte* name) => Call(_ =>
    {
        *function = module;
        return Find<PtxKernel>(module)?.Program.Name == Marshal.PtrToStringUTF8((nint)name) ? Success : NotFound;
    });

    /// <summary>8: the most shared memory that a launch may give beside what the kernel declares.</summary>
    [UnmanagedCallersOnly]
    private static int FunctionSetAttribute(nint function, int attribute, int value) => Call(_ =>
    {
        if (Find<PtxKernel>(function) is not { } kernel)
            return InvalidHandle;
        if (attribute != 8 || value < 0 || kernel.Program.SharedSize + value > Launch.MostShared)
            return InvalidValue;
        kernel.MostShared = Math.Max(Launch.UsualShared, kernel.Program.SharedSize + value);
        return Success;
    });

    [UnmanagedCallersOnly]
    private static int LaunchKernel(
        nint function, int gridX, int gridY, int gridZ, int groupX, int groupY, int groupZ,
        int shared, nint stream, nint arguments, nint* extra) => Call(context =>
    {
        if (Find<PtxKernel>(function) is not { } kernel)
            return InvalidHandle;
        byte* buffer = null;
        long size = 0;
        for (int i = 0; extra[i] != 0; i += 2)
        {
            if (extra[i] == 1)
                buffer = (byte*)extra[i + 1];
            else if (extra[i] == 2)
                size = *(long*)extra[i + 1];
        }

        if (arguments != 0 || buffer == null)
            throw new NotSupportedException("arguments that are not in a buffer");
        byte[] taken = new ReadOnlySpan<byte>(buffer, (int)size).ToArray();
        return context.Launch(kernel, (gridX, gridY, gridZ), (groupX, groupY, groupZ), taken, shared, stream) ? Success : InvalidHandle;
    });

    [UnmanagedCallersOnly]
    private static int OccupancyBlocks(int* blocks, nint function, int size, long shared)
    {
        *blocks = 2;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int OccupancyBlockSize(int* grid, int* size, nint function, nint sharedOfSize, long shared, int limit)
    {
        int most = Find<PtxKernel>(function)?.Program.MostThreads ?? 0;
        *size = Math.Min(limit > 0 ? Math.Min(limit, 256) : 256, most);
        *grid = 2;
        return most > 0 ? Success : InvalidHandle;
    }

    [UnmanagedCallersOnly]
    private static int EventCreate(nint* mark, int flags) => Call(_ =>
    {
        *mark = Add(new CudaEvent());
        return Success;
    });

    [UnmanagedCallersOnly]
    private static int EventDestroy(nint mark) => Call(_ => Remove(mark) ? Success : InvalidHandle);

    [UnmanagedCallersOnly]
    private static int EventQuery(nint mark) => Call(context =>
        Find<CudaEvent>(mark) is { } found ? context.Query(found) ? Success : NotReady : InvalidHandle);

    [UnmanagedCallersOnly]
    private static int EventRecord(nint mark, nint stream) => Call(context =>
        Find<CudaEvent>(mark) is { } found && context.Record(found, stream) ? Success : InvalidHandle);

    [UnmanagedCallersOnly]
    private static int EventSynchronize(nint mark) => Call(context =>
    {
        if (Find<CudaEvent>(mark) is not { } found)
            return InvalidHandle;
        context.Synchronize(found);
        return Success;
    });

    [UnmanagedCallersOnly]
    private static int EventElapsedTime(float* milliseconds, nint start, nint end) => Call(_ =>
    {
        if (Find<CudaEvent>(start) is not { } first || Find<CudaEvent>(end) is not { } last)
            return InvalidHandle;
        *milliseconds = (float)Stopwatch.GetElapsedTime(first.Time, last.Time).TotalMilliseconds;
        return first.IsDone && last.IsDone ? Success : NotReady;
    });
}
