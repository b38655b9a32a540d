namespace Dino.Gpu.Data.Runs;

/// <summary>
/// What happens when the system cannot read an image in several tries, as with a disk error or a drive that is gone.
/// </summary>
public enum OnIoError
{
    /// <summary>The run ends in order, and can be resumed.</summary>
    Fail,

    /// <summary>The image counts as unreadable: <see cref="OnError"/> says what becomes of its row.</summary>
    Row,
}
