namespace Dino.Gpu;

/// <summary>
/// An expected failure: bad input, a checkpoint that does not fit, a device that cannot be used.
/// <see cref="Exception.Message"/> is one line for a person that says what was expected and what was found.
/// <see cref="Hint"/> says what to do. Neither has more than 2000 characters, nor any that a terminal would obey.
/// </summary>
/// <remarks>
/// <see cref="ImageException"/>, <see cref="WeightsException"/> and <see cref="DeviceException"/> say where to look.
/// </remarks>
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

    /// <summary>
    /// The place of the picture that failed among those of the call, counted from 0; null where the failure is not that
    /// of one picture among several. <see cref="Exception.InnerException"/> is then the failure of the picture alone.
    /// </summary>
    public int? Index { get; private set; }

    /// <summary>The same kind of failure with another message. This one is its cause.</summary>
    internal DinoException WithMessage(string message)
    {
        DinoException failure = Again(message);
        failure.Index = Index;
        return failure;
    }

    /// <summary>The same failure as that of one picture among several. This one is its cause.</summary>
    internal DinoException At(int index)
    {
        DinoException failure = Again(Message);
        failure.Index = index;
        return failure;
    }

    /// <summary>The same kind of failure, with another message, the same hint, and this one as its cause.</summary>
    private protected virtual DinoException Again(string message) => new(message, Hint, this);
}
