namespace Dino.Gpu.Tests;

/// <summary>A message holds names from files; whatever they are, it is one line that a terminal can show.</summary>
public sealed class DinoExceptionTests
{
    [Theory]
    [InlineData("a\u001b[2Jb", "a?[2Jb")]
    [InlineData("a\r\nb\0", "a??b?")]
    [InlineData("gpj.\u202Eexe", "gpj.?exe")]
    [InlineData("größe 日本 \ud83d\udc08", "größe 日本 \ud83d\udc08")]
    public void A_terminal_obeys_nothing_in_it(string text, string expected)
    {
        var failure = new DinoException(text, text);
        Assert.Equal(expected, failure.Message);
        Assert.Equal(expected, failure.Hint);
        Assert.Equal(expected, new DinoException(text).Message);
        Assert.Equal(expected, new DinoException(text, new IOException()).Message);
    }

    [Fact]
    public void Its_kind_survives_a_prefix_and_a_place()
    {
        DinoException[] kinds =
        [
            new ImageException(ImageFailureReason.TooLarge, "what", "do this"),
            new WeightsException("what", "do this"),
            new DeviceException("what", "do this"),
            new DeviceMemoryException("what", "do this", null),
            new DinoException("what", "do this"),
        ];
        foreach (DinoException failure in kinds)
        {
            DinoException named = failure.WithMessage("file: what");
            DinoException placed = named.At(7);
            Assert.Equal(failure.GetType(), named.GetType());
            Assert.Equal(failure.GetType(), placed.GetType());
            Assert.Equal(("file: what", "do this", 7), (placed.Message, placed.Hint, placed.Index));
            Assert.Equal(7, placed.WithMessage("again").Index);
            Assert.Null(named.Index);
            Assert.Same(named, placed.InnerException);
            Assert.Same(failure, named.InnerException);
        }

        Assert.Equal(ImageFailureReason.TooLarge, ((ImageException)kinds[0].WithMessage("file: what").At(1)).Reason);
    }

    [Fact]
    public void It_is_no_longer_than_a_person_reads()
    {
        string longest = new('x', 2000);
        Assert.Equal(longest, new DinoException(longest).Message);
        Assert.Equal(new string('x', 1997) + "...", new DinoException(longest + "y", longest + "y").Hint);
    }
}
