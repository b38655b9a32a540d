namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Tests that take minutes. The suite leaves them out unless <c>DINO_TEST_LONG=1</c> asks for them all, or
/// <c>DINO_TEST_EMULATED=1</c>, as <c>.ci/run</c> does, for those of the emulated CUDA device.
/// </summary>
internal static class LongTests
{
    private const string All = "DINO_TEST_LONG";
    private const string Emulated = "DINO_TEST_EMULATED";

    public static bool AreWanted => IsSet(All);

    /// <summary>Skips the test where long ones are not wanted.</summary>
    /// <param name="why">What takes that long.</param>
    public static void Require(string why) => Assert.SkipUnless(AreWanted, $"{why}; {All}=1 runs it");

    /// <summary>Skips the test where long ones on the emulated CUDA device are not wanted.</summary>
    public static void RequireEmulated() =>
        Assert.SkipUnless(AreWanted || IsSet(Emulated), $"takes minutes on the emulated CUDA device; {Emulated}=1 runs it");

    private static bool IsSet(string variable) => Environment.GetEnvironmentVariable(variable) == "1";
}
