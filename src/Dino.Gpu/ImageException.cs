namespace Dino.Gpu;

/// <summary>Why a picture cannot be used.</summary>
public enum ImageFailureReason
{
    /// <summary>The bytes are not those of an image file.</summary>
    NotAnImage,

    /// <summary>The file ends before its last row, or lacks a part of the picture.</summary>
    Truncated,

    /// <summary>The data contradict the format, or each other.</summary>
    Damaged,

    /// <summary>The file or the picture is larger than the decoder allows.</summary>
    TooLarge,

    /// <summary>A correct file of a kind that the decoder does not read.</summary>
    Unsupported,

    /// <summary>The picture is whole, but its sides do not suit the preprocessing.</summary>
    WrongSize,

    /// <summary>There is no such file, it may not be read, or the system failed while reading it.</summary>
    Unreadable,
}

/// <summary>A picture cannot be read, decoded or prepared. Other pictures are not concerned.</summary>
public sealed class ImageException : DinoException
{
    /// <summary>Creates the exception with its reason and its one-line message.</summary>
    /// <param name="reason">Why the picture cannot be used.</param>
    /// <param name="message">One line for a person.</param>
    /// <param name="innerException">The failure that caused it.</param>
    public ImageException(ImageFailureReason reason, string message, Exception? innerException)
        : base(message, innerException)
    {
        Reason = reason;
    }

    /// <summary>Creates the exception with its reason, its one-line message, and what the user can do.</summary>
    /// <param name="reason">Why the picture cannot be used.</param>
    /// <param name="message">One line for a person.</param>
    /// <param name="hint">What the user can do, in one line; null for nothing.</param>
    /// <param name="innerException">The failure that caused it.</param>
    public ImageException(ImageFailureReason reason, string message, string? hint = null, Exception? innerException = null)
        : base(message, hint, innerException)
    {
        Reason = reason;
    }

    /// <summary>Why the picture cannot be used.</summary>
    public ImageFailureReason Reason { get; }

    internal static ImageException NotAnImage(string message) => new(ImageFailureReason.NotAnImage, message);

    internal static ImageException Truncated(string message) => new(ImageFailureReason.Truncated, message);

    internal static ImageException Damaged(string message, Exception? cause = null) => new(ImageFailureReason.Damaged, message, cause);

    internal static ImageException TooLarge(string message) => new(ImageFailureReason.TooLarge, message);

    internal static ImageException Unsupported(string message, string? hint = null) => new(ImageFailureReason.Unsupported, message, hint);

    internal static ImageException WrongSize(string message, string hint) => new(ImageFailureReason.WrongSize, message, hint);

    private protected override DinoException Again(string message) => new ImageException(Reason, message, Hint, this);
}
