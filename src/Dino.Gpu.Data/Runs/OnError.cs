namespace Dino.Gpu.Data.Runs;

/// <summary>What becomes of the row of an image that cannot be read.</summary>
public enum OnError
{
    /// <summary>It is NaN (null in JSON Lines), so that row i stays input i.</summary>
    Nan,

    /// <summary>It is left out.</summary>
    Skip,

    /// <summary>It ends the run.</summary>
    Fail,
}
