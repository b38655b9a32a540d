using Dino.Gpu.Files;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Devices;

/// <summary>What a failure of a driver means to a user.</summary>
/// <param name="Reason">One line, without the device.</param>
/// <param name="Hint">What to do about it.</param>
/// <param name="Cause">What was thrown.</param>
internal sealed record DeviceFailure(string Reason, string Hint, Exception? Cause)
{
    /// <summary>Keeps a message under the 300 characters of an error line, whatever a driver has to say.</summary>
    private const int LongestReason = 180;

    private const string Elsewhere = "--device cpu always works";
    private const string UpdateDriver = "update the NVIDIA driver, or use --device cpu";

    /// <summary>Explains an exception. Called on the thread on which it was thrown, soon after.</summary>
    public static DeviceFailure Of(Exception exception)
    {
        if (exception is not CudaException cuda)
            return new DeviceFailure(Short(exception.Message), (exception as DinoException)?.Hint ?? Elsewhere, exception);
        string? log = ModuleLog.Take();
        if (log is not null)
            return new DeviceFailure(Short($"the driver refuses a kernel: {log}"), UpdateDriver, exception);
        // ILGPU names the errors that it knows and gives the number of others.
        return new DeviceFailure(Short($"{cuda.Message} ({cuda.Error})"), cuda.Error switch
        {
            "CUDA_ERROR_OUT_OF_MEMORY" => "free memory on the card, nvidia-smi shows what uses it; or use --device cpu",
            "46" or "CUDA_ERROR_DEVICE_UNAVAILABLE" =>
                "another process may hold the card for itself, nvidia-smi shows which, or this one has it open already; "
                + "or use --device cpu",
            "35" or "222" or "803" or "CUDA_ERROR_NO_BINARY_FOR_GPU" or "CUDA_ERROR_INVALID_PTX" => UpdateDriver,
            _ => Elsewhere,
        }, exception);
    }

    /// <summary>Whether a driver reports an error. Others are errors of this program.</summary>
    public static bool IsDriverError(Exception exception) => exception is AcceleratorException;

    /// <summary>The error of a device that was in use.</summary>
    public DeviceException ToException(DeviceInfo device) => new($"{device.Id} ({device.Name}) failed: {Reason}", Hint, Cause);

    /// <summary>The error of a device that does not open.</summary>
    public DeviceException ToRefusal(DeviceInfo device) =>
        new($"{device.Id} ({device.Name}) cannot be used: {Reason}", Hint, Cause) { IsRefusal = true };

    private static string Short(string text)
    {
        string line = MessageText.OneLine(text).TrimEnd('.');
        return line.Length <= LongestReason ? line : $"{line[..(LongestReason - 3)]}...";
    }
}
