namespace Dino.Gpu;

/// <summary>
/// An expected failure: bad input, a checkpoint that does not fit, a device that cannot be used.
/// <see cref="Exception.Message"/> is one line for a person that says what was expected and what was found.
/// <see cref="Hint"/> says what to do. Neither has more than 2000 characters, nor any that a terminal would obey.
/// </summary>
public class DinoException : Exception
{
    /// <summary>Creates the exception with its one-line message.</summary>
    public DinoException(string message)
        : base(VisibleText.Bounded(message))
    {
    }

    /// <summary>Creates the exception with its one-line message and the failure that caused it.</summary>
    public DinoException(string message, Exception? innerException)
        : base(VisibleText.Bounded(message), innerException)
    {
    }

    /// <summary>
    /// Creates the exception with its one-line message, what the user can do, and the failure that caused it.
    /// </summary>
    public DinoException(string message, string? hint, Exception? innerException = null)
        : base(VisibleText.Bounded(message), innerException)
    {
        Hint = hint is null ? null : VisibleText.Bounded(hint);
    }

    /// <summary>
    /// What the user can do about it, in one line without a full stop; null if there is nothing to do.
    /// </summary>
    public string? Hint { get; }
}
