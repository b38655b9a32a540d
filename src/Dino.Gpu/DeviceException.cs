namespace Dino.Gpu;

/// <summary>
/// A device cannot be used: there is no such device, it does not start, it does not compute what was asked for, or its
/// driver failed. <see cref="DeviceMemoryException"/> is the one that fewer pictures at a time may help against.
/// </summary>
public class DeviceException : DinoException
{
    /// <summary>Creates the exception with its one-line message and the failure that caused it.</summary>
    public DeviceException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// Creates the exception with its one-line message, what the user can do, and the failure that caused it.
    /// </summary>
    public DeviceException(string message, string? hint = null, Exception? innerException = null)
        : base(message, hint, innerException)
    {
    }

    /// <summary>
    /// Whether the device cannot be used as asked, so that it is none of those that <c>cuda:all</c> means.
    /// </summary>
    internal bool IsRefusal { get; init; }

    private protected override DinoException Again(string message) => new DeviceException(message, Hint, this);
}
