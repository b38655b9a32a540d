using System.Reflection;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Model;

/// <summary>What makes two configs equal.</summary>
public sealed class VitConfigTests
{
    [Fact]
    public void Configs_with_equal_properties_are_equal()
    {
        VitConfig plain = VitConfig.VitS16, said = VitConfig.VitS16 with { DefaultInputSize = 224 };
        Assert.Equal(plain, said);
        Assert.True(plain == said);
        Assert.Equal(plain.GetHashCode(), said.GetHashCode());
        Assert.NotEqual(plain, said with { TrainedGrid = 37, DefaultInputSize = 518 });
        Assert.False(plain.Equals(null));
    }

    /// <summary>A property that is added later must count, too.</summary>
    [Fact]
    public void Every_property_that_can_be_set_makes_a_difference()
    {
        PropertyInfo[] properties = [.. typeof(VitConfig).GetProperties().Where(property => property.SetMethod is not null)];
        Assert.True(properties.Length >= 14);
        foreach (PropertyInfo property in properties)
        {
            VitConfig other = VitConfig.VitS16 with { };
            object? value = property.GetValue(other);
            property.SetValue(other, value switch
            {
                int number => number + 1,
                double number => 2 * number,
                bool flag => !flag,
                Enum choice => Enum.ToObject(choice.GetType(), Convert.ToInt32(choice) + 1),
                _ => throw new InvalidOperationException($"{property.Name} is {value}"),
            });
            Assert.False(VitConfig.VitS16.Equals(other), property.Name);
        }
    }
}
