namespace Dino.Gpu;

/// <summary>
/// As many pictures wait for the model as <c>DinoOptions.QueueLimit</c> allows. A server answers 503 then, or tries
/// again a little later.
/// </summary>
public sealed class DinoBusyException : DinoException
{
    /// <summary>Creates the exception with its one-line message and what the user can do.</summary>
    public DinoBusyException(string message, string? hint = null)
        : base(message, hint)
    {
    }

    private protected override DinoException Again(string message) => new DinoBusyException(message, Hint);
}
