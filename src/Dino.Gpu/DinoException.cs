namespace Dino.Gpu;

/// <summary>
/// An expected failure: bad input, a checkpoint that does not fit, a device that cannot be used.
/// The message is one line for a person: what was expected, what was found, what to do.
/// </summary>
public class DinoException : Exception
{
    /// <summary>Creates the exception with its one-line message.</summary>
    public DinoException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-line message and the failure that caused it.</summary>
    public DinoException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
