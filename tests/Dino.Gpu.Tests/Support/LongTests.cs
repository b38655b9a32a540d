namespace Dino.Gpu.Tests.Support;

/// <summary>Tests that take minutes, which the suite leaves out unless <c>DINO_TEST_LONG=1</c> asks for them.</summary>
internal static class LongTests
{
    public static bool AreWanted => Environment.GetEnvironmentVariable("DINO_TEST_LONG") == "1";

    /// <summary>Skips the test where long ones are not wanted.</summary>
    /// <param name="why">What takes that long.</param>
    public static void Require(string why) => Assert.SkipUnless(AreWanted, $"{why}; DINO_TEST_LONG=1 runs it");
}
