namespace Dino.Gpu;

/// <summary>
/// Weights cannot be used: there are none, they cannot be fetched, the file is no checkpoint or is damaged, or it does
/// not fit a DINO ViT.
/// </summary>
public sealed class WeightsException : DinoException
{
    /// <summary>Creates the exception with its one-line message and the failure that caused it.</summary>
    public WeightsException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// Creates the exception with its one-line message, what the user can do, and the failure that caused it.
    /// </summary>
    public WeightsException(string message, string? hint = null, Exception? innerException = null)
        : base(message, hint, innerException)
    {
    }

    private protected override DinoException Again(string message) => new WeightsException(message, Hint, this);
}
